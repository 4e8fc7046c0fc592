import { existsSync, lstatSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { DownloadState } from '../../../../core/index.js';
import { expectError } from '../../../support/errors.js';
import { HubCase, LARGE, MODEL } from '../../../support/hub-case.js';

describe('a download from the hub huggingface', () => {
  let at: HubCase;
  beforeEach(async () => {
    at = new HubCase();
    await at.serve(MODEL);
  });
  afterEach(() => at.end());

  it('goes on within a run where it was cut', async () => {
    at.hub.cuts.set('model.safetensors', [100_000, 50_000]);
    await at.locate();
    const [first, second, third] = at.hub
      .requestsFor('model.safetensors')
      .map(({ headers }) => headers.range);
    expect(first).to.equal(undefined);
    expect([second, third]).to.deep.equal(['bytes=100000-', 'bytes=150000-']);
    expect(readFileSync(at.snapshot('model.safetensors')).equals(LARGE)).to.equal(true);
    expect(at.notices.join('\n')).to.match(
      /127\.0\.0\.1:\d+ cut the connection.* within model\.safetensors; trying again in 1 s/,
    );
  });

  it('goes on in the next run', async () => {
    const interruption = new AbortController();
    at.hub.cuts.set('model.safetensors', [100_000]);
    const interrupt = (state: DownloadState) => {
      if (state.bytes >= 100_000) interruption.abort();
    };
    at.hub.answer = (request) => {
      // The attempt after the cut is one that the person does not wait for.
      if (at.hub.requestsFor('model.safetensors').length > 1 && request.headers.range) interruption.abort();
      return false;
    };
    await expectError(
      () => at.locate({ signal: interruption.signal, progress: interrupt }),
      'INTERRUPTED',
      'people/model',
      'goes on',
    );
    at.hub.answer = () => false;
    const kept = at.cache('blobs', `${at.hub.hash('model.safetensors')}.evolve.incomplete`);
    expect(lstatSync(kept).size).to.be.within(100_000, LARGE.length - 1);
    expect(existsSync(at.snapshot('model.safetensors'))).to.equal(false);
    at.hub.requests.length = 0;
    await at.locate();
    expect(at.hub.requestsFor('model.safetensors')[0].headers.range).to.match(/^bytes=[1-9]\d+-$/);
    expect(readFileSync(at.snapshot('model.safetensors')).equals(LARGE)).to.equal(true);
    expect(at.states[0].bytes).to.be.at.least(100_000);
    expect(at.blobs().filter((name) => name.includes('evolve'))).to.deep.equal([]);
  });

  it('begins anew where the hub takes no ranges', async () => {
    at.hub.takesRanges = false;
    at.hub.cuts.set('model.safetensors', [100_000]);
    await at.locate();
    expect(at.hub.requestsFor('model.safetensors')).to.have.length(2);
    expect(readFileSync(at.snapshot('model.safetensors')).equals(LARGE)).to.equal(true);
  });

  it('begins anew where what was kept is damaged', async () => {
    const name = `hf/hub/models--people--model/blobs/${at.hub.hash('model.safetensors')}.evolve.incomplete`;
    at.folder.write(name, Buffer.alloc(1000));
    await at.locate();
    expect(readFileSync(at.snapshot('model.safetensors')).equals(LARGE)).to.equal(true);
    expect(at.notices).to.deep.equal([
      'model.safetensors: what was kept of an earlier download is damaged; it is downloaded anew',
    ]);
    expect(at.hub.requestsFor('model.safetensors').map(({ headers }) => headers.range)).to.deep.equal([
      'bytes=1000-',
      undefined,
    ]);
  });

  for (const [what, revision] of [
    ['branch', 'main'],
    ['commit', 'c0ffee'.padEnd(40, '1')],
  ]) {
    it(`goes on in the next run of a ${what} without weights, which would be a sign of the end`, async () => {
      const request = { name: `people/model@${revision}`, weights: false };
      const interruption = new AbortController();
      at.hub.files.set('tokenizer_config.json', Buffer.from('{"add_bos_token":true}'));
      at.hub.answer = async ({ path: asked }) => {
        if (!asked.endsWith('/tokenizer_config.json')) return false;
        // Time for the files that come beside it.
        await sleep(300);
        interruption.abort();
        return true;
      };
      const interrupted = () => at.locate({ ...request, signal: interruption.signal });
      await expectError(interrupted, 'INTERRUPTED', 'goes on');
      expect(existsSync(at.snapshot('tokenizer.json'))).to.equal(true);
      at.hub.answer = () => false;
      await at.locate(request);
      expect(existsSync(at.snapshot('tokenizer_config.json'))).to.equal(true);
    });
  }

  it('is whole where another process took its lock, and was first', async () => {
    at.hub.chunkDelay = 100;
    const large = at.cache('blobs', at.hub.hash('model.safetensors'));
    at.hub.answer = ({ path: asked }) => {
      if (asked.startsWith('/storage/')) rmSync(`${large}.evolve.lock`, { force: true });
      return false;
    };
    const both = await Promise.all([at.locate(), at.locate()]);
    expect(both.map(({ path: folder }) => folder)).to.deep.equal([at.snapshot(), at.snapshot()]);
    expect(at.hub.requestsFor('model.safetensors')).to.have.length(2);
    expect(readFileSync(large).equals(LARGE)).to.equal(true);
    expect(at.blobs().filter((name) => name.includes('evolve'))).to.deep.equal([]);
  });

  it('does not empty what another process has finished meanwhile', async () => {
    const blob = at.cache('blobs', at.hub.hash('model.safetensors'));
    const partial = `${blob}.evolve.incomplete`;
    at.folder.write(path.relative(at.folder.path, partial), Buffer.alloc(1000));
    const sizes: number[] = [];
    at.hub.answer = ({ path: asked, headers }) => {
      if (!asked.startsWith('/storage/')) return false;
      if (headers.range) {
        writeFileSync(partial, LARGE);
        renameSync(partial, blob);
      } else sizes.push(statSync(blob).size);
      return false;
    };
    at.hub.files.delete('tokenizer.model');
    await at.locate();
    expect(sizes).to.deep.equal([LARGE.length]);
    expect(readFileSync(at.snapshot('model.safetensors')).equals(LARGE)).to.equal(true);
  });
});
