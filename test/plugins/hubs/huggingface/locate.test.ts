import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { expectError } from '../../../support/errors.js';
import { HubCase, LARGE, MODEL } from '../../../support/hub-case.js';

const namesOf = (requests: readonly { path: string }[]) => requests.map((request) => request.path);

describe('the hub huggingface', () => {
  let at: HubCase;
  beforeEach(async () => {
    at = new HubCase();
    await at.serve(MODEL);
  });
  afterEach(() => at.end());

  describe('stores a model', () => {
    it('in the layout of huggingface_hub', async () => {
      const located = await at.locate();
      expect(located).to.deep.equal({ path: at.snapshot(), name: `people/model@${at.hub.commit}` });
      expect(readdirSync(at.snapshot()).sort()).to.deep.equal(Object.keys(MODEL).sort());
      for (const [name, content] of at.hub.files) {
        expect(readFileSync(at.snapshot(name)).equals(content), name).to.equal(true);
        expect(readlinkSync(at.snapshot(name))).to.equal(path.join('..', '..', 'blobs', at.hub.hash(name)));
      }
      // Two of them have the same content.
      expect(at.blobs()).to.have.members([
        ...new Set([...at.hub.files.keys()].map((name) => at.hub.hash(name))),
      ]);
      expect(at.notices).to.deep.equal([]);
      expect(readFileSync(at.cache('refs', 'main'), 'utf8')).to.equal(at.hub.commit);
    });

    it('with what is needed, and nothing else', async () => {
      const others = [
        'README.md',
        'pytorch_model.bin',
        'tf_model.h5',
        'image.png',
        'onnx/model.onnx',
        'm-q4_0.gguf',
      ];
      await at.serve({ ...MODEL, ...Object.fromEntries(others.map((name) => [name, 'x'])) });
      await at.locate();
      expect(readdirSync(at.snapshot()).sort()).to.deep.equal(Object.keys(MODEL).sort());
    });

    it('in shards, as its index names them', async () => {
      const weight_map = { a: 'model-00001-of-00002.safetensors', b: 'model-00002-of-00002.safetensors' };
      const { 'model.safetensors': _, ...companions } = MODEL;
      const shards = {
        [weight_map.a]: 'first',
        [weight_map.b]: 'second',
        'model-00001-of-00009.safetensors': 'other',
      };
      await at.serve({
        ...companions,
        ...shards,
        'model.safetensors.index.json': JSON.stringify({ weight_map }),
      });
      await at.locate();
      const stored = readdirSync(at.snapshot()).filter((name) => name.startsWith('model'));
      expect(stored.sort()).to.deep.equal(
        [weight_map.a, weight_map.b, 'model.safetensors.index.json'].sort(),
      );
    });

    it('of PyTorch, where it has no safetensors', async () => {
      const { 'model.safetensors': weights, ...companions } = MODEL;
      await at.serve({ ...companions, 'pytorch_model.bin': weights });
      await at.locate();
      expect(readdirSync(at.snapshot())).to.include('pytorch_model.bin');
    });

    it('of GGUF: its one file, or the one that is named', async () => {
      await at.serve({ 'm-q4_0.gguf': 'GGUF', 'README.md': 'x' });
      expect(await at.locate()).to.deep.equal({
        path: at.snapshot('m-q4_0.gguf'),
        name: `people/model/m-q4_0.gguf@${at.hub.commit}`,
      });
      await at.serve({ 'a.gguf': 'A', 'big/b-00001-of-00002.gguf': 'B1', 'big/b-00002-of-00002.gguf': 'B2' });
      const { path: file } = await at.locate({ name: 'people/model/big/b-00001-of-00002.gguf' });
      expect(readFileSync(file, 'utf8')).to.equal('B1');
      expect(readdirSync(at.snapshot('big'))).to.have.length(2);
      expect(existsSync(at.snapshot('a.gguf'))).to.equal(false);
    });

    it('without weights, where they are to be drawn at random', async () => {
      await at.locate({ weights: false });
      expect(existsSync(at.snapshot('config.json'))).to.equal(true);
      expect(existsSync(at.snapshot('model.safetensors'))).to.equal(false);
      await at.locate();
      expect(existsSync(at.snapshot('model.safetensors'))).to.equal(true);
    });

    it('of a branch, a tag or a commit', async () => {
      at.hub.revisions.set('refs/pr/3', 'beef'.padEnd(40, '2'));
      const { name } = await at.locate({ name: 'people/model@refs/pr/3' });
      expect(name).to.equal(`people/model@${at.hub.revisions.get('refs/pr/3')}`);
      expect(readFileSync(at.cache('refs', 'refs', 'pr', '3'), 'utf8')).to.equal(
        at.hub.revisions.get('refs/pr/3'),
      );
      await at.locate({ name: `people/model@${at.hub.commit}` });
      expect(existsSync(at.cache('refs', 'main'))).to.equal(false);
      expect(existsSync(at.snapshot('config.json'))).to.equal(true);
    });

    it('where there are no links: the files themselves', async () => {
      at.environment.set({ HF_HUB_DISABLE_SYMLINKS: '1' });
      await at.locate();
      expect(lstatSync(at.snapshot('model.safetensors')).isFile()).to.equal(true);
      expect(readFileSync(at.snapshot('model.safetensors')).equals(LARGE)).to.equal(true);
      expect(at.blobs()).to.deep.equal([]);
      at.hub.requests.length = 0;
      await at.locate();
      expect(at.hub.requests).to.have.length(1);
    });

    it('and adapters, of which it takes two files', async () => {
      await at.serve({
        'adapter_config.json': '{}',
        'adapter_model.safetensors': LARGE,
        'tokenizer.json': '{}',
        'README.md': '',
      });
      await at.locate({ kind: 'adapter', at: ['adapter', 'init'] });
      expect(readdirSync(at.snapshot()).sort()).to.deep.equal([
        'adapter_config.json',
        'adapter_model.safetensors',
      ]);
    });

    it('of which another revision has files that are here already', async () => {
      await at.locate();
      at.hub.revisions.set('main', 'decade'.padEnd(40, '3'));
      at.hub.files.set('config.json', Buffer.from('{"model_type":"llama","new":true}'));
      await at.locate();
      expect(readFileSync(at.snapshot('config.json'), 'utf8')).to.include('new');
      expect(readFileSync(at.snapshot('model.safetensors')).equals(LARGE)).to.equal(true);
      expect(namesOf(at.hub.requests).filter((name) => name.startsWith('/storage/'))).to.have.length(2);
      expect(readFileSync(at.cache('refs', 'main'), 'utf8')).to.equal(at.hub.commit);
    });
  });

  describe('asks', () => {
    it('only for the commit, where that is in the cache', async () => {
      await at.locate();
      at.hub.requests.length = 0;
      at.states.length = 0;
      await at.locate();
      expect(namesOf(at.hub.requests)).to.deep.equal(['/api/models/people/model/revision/main']);
      expect(at.states).to.deep.equal([]);
    });

    it('nothing for a commit that is in the cache', async () => {
      const { name } = await at.locate();
      at.hub.requests.length = 0;
      expect((await at.locate({ name })).path).to.equal(at.snapshot());
      expect(at.hub.requests).to.deep.equal([]);
    });

    it('nothing with HF_HUB_OFFLINE, and says so where the cache does not suffice', async () => {
      at.environment.set({ HF_HUB_OFFLINE: '1' });
      await expectError(() => at.locate(), 'HUB_UNREACHABLE', 'HF_HUB_OFFLINE', 'people/model', at.cache());
      expect(at.hub.requests).to.deep.equal([]);
      at.environment.set({ HF_HUB_OFFLINE: '0' });
      await at.locate({ weights: false });
      at.environment.set({ HF_HUB_OFFLINE: 'TRUE' });
      await expectError(() => at.locate(), 'HUB_UNREACHABLE', 'HF_HUB_OFFLINE');
      expect((await at.locate({ weights: false })).path).to.equal(at.snapshot());
    });
  });

  it('leaves what is no name to others, and asks nothing of the hub', async () => {
    for (const name of ['/models/llama', './llama', 'llama']) {
      const asked = await at.locate({ name }).catch((error: Error) => error.message);
      expect(asked, name).to.equal('no hub answered');
    }
    expect(at.hub.requests).to.deep.equal([]);
  });
});
