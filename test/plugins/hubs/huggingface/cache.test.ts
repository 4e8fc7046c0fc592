import { existsSync, lstatSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { expectError } from '../../../support/errors.js';
import { HubCase, LARGE, MODEL } from '../../../support/hub-case.js';

describe('what the cache happens to hold', () => {
  let at: HubCase;
  beforeEach(async () => {
    at = new HubCase();
    await at.serve(MODEL);
  });
  afterEach(() => at.end());

  describe('does not decide which weights are used', () => {
    it('where it has a GGUF file of a model with safetensors', async () => {
      await at.serve({ ...MODEL, 'm-q4_0.gguf': 'GGUF' });
      await at.locate({ name: 'people/model/m-q4_0.gguf' });
      const { path: located } = await at.locate();
      expect(located).to.equal(at.snapshot());
      expect(readFileSync(path.join(located, 'model.safetensors')).equals(LARGE)).to.equal(true);
    });

    it('where it has one GGUF file of several', async () => {
      await at.serve({ 'a-q2.gguf': 'A', 'b-q8.gguf': 'B' });
      for (const name of ['people/model', `people/model@${at.hub.commit}`]) {
        await expectError(() => at.locate({ name }), 'MODEL_UNKNOWN', 'has 2 GGUF files');
        await at.locate({ name: 'people/model/a-q2.gguf' });
        await expectError(() => at.locate({ name }), 'MODEL_UNKNOWN', 'has 2 GGUF files');
      }
    });

    it('where it has weights in a format that comes later', async () => {
      const { 'model.safetensors': weights, ...companions } = MODEL;
      await at.serve({ ...companions, 'pytorch_model.bin': weights });
      await at.locate();
      at.hub.files.set('model.safetensors', LARGE);
      await at.locate();
      expect(existsSync(at.snapshot('model.safetensors'))).to.equal(true);
    });

    it('where the hub cannot be asked: then a GGUF file must be named', async () => {
      await at.serve({ 'a-q2.gguf': 'A' });
      const located = await at.locate();
      at.environment.set({ HF_HUB_OFFLINE: '1' });
      await expectError(() => at.locate(), 'HUB_UNREACHABLE', 'name a file', 'people/model/a-q2.gguf');
      expect((await at.locate({ name: 'people/model/a-q2.gguf' })).path).to.equal(located.path);
      expect((await at.locate({ name: located.name })).path).to.equal(located.path);
    });

    it('and the hub is asked once for one of its GGUF files that is there', async () => {
      await at.serve({ 'm-q4_0.gguf': 'GGUF', 'README.md': 'x' });
      const located = await at.locate();
      at.hub.requests.length = 0;
      expect(await at.locate()).to.deep.equal(located);
      expect(at.hub.requests).to.have.length(1);
    });
  });

  it('is all there before a model without weights is taken from it', async () => {
    const { 'tokenizer.json': _, 'tokenizer.model': __, ...others } = MODEL;
    await at.serve({ ...others, 'vocab.json': '{}', 'merges.txt': '' });
    await at.locate({ weights: false });
    rmSync(at.snapshot('merges.txt'));
    await at.locate({ weights: false });
    expect(existsSync(at.snapshot('merges.txt'))).to.equal(true);
    rmSync(at.snapshot('merges.txt'));
    at.environment.set({ HF_HUB_OFFLINE: '1' });
    await expectError(() => at.locate({ weights: false }), 'HUB_UNREACHABLE', 'does not hold');
  });

  it('is brought anew where a link leads to nothing', async () => {
    for (const name of ['config.json', 'model.safetensors']) {
      const { name: pinned } = await at.locate();
      rmSync(at.cache('blobs', at.hub.hash(name)));
      at.environment.set({ HF_HUB_OFFLINE: '1' });
      await expectError(() => at.locate(), 'HUB_UNREACHABLE', 'does not hold');
      at.environment.set({ HF_HUB_OFFLINE: '0' });
      await at.locate({ name: pinned });
      expect(readFileSync(at.snapshot(name)).equals(at.hub.files.get(name) as Buffer), name).to.equal(true);
    }
  });

  it('stays whole for other commits where links are switched off', async () => {
    await at.locate();
    const before = at.snapshot('model.safetensors');
    at.hub.revisions.set('main', 'decade'.padEnd(40, '3'));
    at.environment.set({ HF_HUB_DISABLE_SYMLINKS: '1' });
    await at.locate();
    expect(lstatSync(at.snapshot('model.safetensors')).isFile()).to.equal(true);
    for (const file of [before, at.snapshot('model.safetensors')]) {
      expect(readFileSync(file).equals(LARGE), file).to.equal(true);
    }
    expect(at.hub.requestsFor('model.safetensors')).to.have.length(1);
  });
});
