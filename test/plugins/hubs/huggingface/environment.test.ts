import { homedir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { VARIABLES } from '../../../../plugins/hubs/huggingface/environment.js';
import { expectError } from '../../../support/errors.js';
import { HubCase, MODEL } from '../../../support/hub-case.js';
import type { HubRequest } from '../../../support/hub-server.js';
import { quoted, readPage, tableRows } from '../../../support/markdown.js';

describe('the variables of the hub huggingface', () => {
  let at: HubCase;
  beforeEach(async () => {
    at = new HubCase();
    await at.serve(MODEL);
  });
  afterEach(() => at.end());

  const sent = (requests: readonly HubRequest[]) =>
    new Set(requests.map(({ headers }) => headers.authorization));
  const isOfStorage = ({ path: asked }: HubRequest) => asked.startsWith('/storage/');

  /** What the hub is sent, whatever is in the cache. */
  async function sentWith(variables: Readonly<Record<string, string>>) {
    at.environment.clear();
    at.environment.set({ HF_ENDPOINT: at.hub.endpoint, HF_HOME: at.folder.join('hf'), ...variables });
    at.hub.requests.length = 0;
    await at.locate();
    return sent(at.hub.requests.filter((request) => !isOfStorage(request)));
  }

  it('are those of the table in plugins/README.md', () => {
    const [, section] = readPage('plugins/README.md').split('\n## Models of the hub\n');
    const variables = tableRows(section.split('\n## ')[0]).flatMap(([cell]) => quoted(cell));
    const names = variables.map((variable) => variable.replace(/=1$/, ''));
    expect(names.sort()).to.deep.equal([...VARIABLES].sort());
  });

  describe('give a token', () => {
    it('to the hub alone', async () => {
      expect(await sentWith({ HF_TOKEN: 'of-a-mirror' })).to.deep.equal(new Set(['Bearer of-a-mirror']));
      const ofStorage = at.hub.requests.filter(isOfStorage);
      expect(ofStorage).to.have.length(2);
      expect(sent(ofStorage)).to.deep.equal(new Set([undefined]));
    });

    it('that is HF_TOKEN, or HUGGING_FACE_HUB_TOKEN', async () => {
      const older = { HUGGING_FACE_HUB_TOKEN: 'hf_older' };
      expect(await sentWith(older)).to.deep.equal(new Set(['Bearer hf_older']));
      expect(await sentWith({ ...older, HF_TOKEN: 'hf_x' })).to.deep.equal(new Set(['Bearer hf_x']));
    });

    it('that is in a file, unless that is not to be sent', async () => {
      at.folder.write('hf/token', 'hf_kept\n');
      const elsewhere = { HF_TOKEN_PATH: at.folder.write('my-token', ' hf_mine\r\n') };
      const closed = { HF_HUB_DISABLE_IMPLICIT_TOKEN: '1' };
      expect(await sentWith({})).to.deep.equal(new Set(['Bearer hf_kept']));
      expect(await sentWith(elsewhere)).to.deep.equal(new Set(['Bearer hf_mine']));
      expect(await sentWith({ ...elsewhere, ...closed })).to.deep.equal(new Set([undefined]));
      expect(await sentWith({ ...closed, HF_TOKEN: 'hf_x' })).to.deep.equal(new Set(['Bearer hf_x']));
    });

    it('without the line breaks of a copy, as Python takes it', async () => {
      expect(await sentWith({ HF_TOKEN: ' hf_one\r\nhf_two\n' })).to.deep.equal(
        new Set(['Bearer hf_onehf_two']),
      );
    });

    it('that no message holds, where it cannot be one', async () => {
      for (const token of ['hf_SECRET\u{1f511}', 'hf_SECRET two', 'hf_SECRET\u0007', 'hf_SECRETé']) {
        at.environment.set({ HF_TOKEN: token });
        const error = await expectError(() => at.locate(), 'HUB_REFUSED', 'HF_TOKEN', 'character');
        expect(`${error.message} ${error.advice} ${error.stack}`).to.not.include('SECRET');
        expect(error.cause).to.equal(undefined);
      }
      const file = at.folder.write('my-token', 'hf_SECRET two');
      at.environment.set({ HF_TOKEN: '', HF_TOKEN_PATH: file });
      const error = await expectError(() => at.locate(), 'HUB_REFUSED', file);
      expect(error.message).to.not.include('SECRET');
    });
  });

  it('say where the cache is', async () => {
    const pathWith = async (variables: Readonly<Record<string, string>>) => {
      at.environment.clear();
      at.environment.set({ HF_ENDPOINT: at.hub.endpoint, ...variables });
      return (await at.locate()).path;
    };
    const inCache = (...names: string[]) =>
      at.folder.join(...names, 'models--people--model', 'snapshots', at.hub.commit);
    const older = { HUGGINGFACE_HUB_CACHE: at.folder.join('older'), HF_HOME: at.folder.join('hf') };
    expect(await pathWith(older)).to.equal(inCache('older'));
    expect(await pathWith({ ...older, HF_HUB_CACHE: at.folder.join('cache') })).to.equal(inCache('cache'));
    expect(await pathWith({ XDG_CACHE_HOME: at.folder.join('xdg') })).to.equal(
      inCache('xdg', 'huggingface', 'hub'),
    );
    at.environment.set({ HF_HOME: '~/nowhere', HF_HUB_OFFLINE: '1' });
    await expectError(() => at.locate(), 'HUB_UNREACHABLE', path.join(homedir(), 'nowhere', 'hub'));
  });

  for (const name of ['HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE']) {
    it(`ask nothing of the hub: ${name}`, async () => {
      await at.locate();
      at.hub.requests.length = 0;
      at.environment.set({ [name]: 'ON' });
      expect((await at.locate()).path).to.equal(at.snapshot());
      expect(at.hub.requests).to.deep.equal([]);
    });
  }
});
