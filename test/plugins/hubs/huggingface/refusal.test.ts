import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { expect } from 'chai';
import { expectError } from '../../../support/errors.js';
import { HubCase, LARGE, MODEL } from '../../../support/hub-case.js';
import { refuse } from '../../../support/hub-server.js';
import { skip } from '../../../support/skip.js';

describe('the hub huggingface refuses', () => {
  let at: HubCase;
  beforeEach(async () => {
    at = new HubCase();
    await at.serve(MODEL);
  });
  afterEach(() => at.end());

  for (const name of ['model.safetensors', 'config.json']) {
    it(`wrong bytes of ${name}, and keeps none of them`, async () => {
      const altered = Buffer.from(at.hub.files.get(name) as Buffer);
      altered[altered.length - 1] ^= 1;
      at.hub.altered.set(name, altered);
      await expectError(() => at.locate(), 'DOWNLOAD_FAILED', name, at.hub.hash(name), 'removed');
      expect(existsSync(at.snapshot(name))).to.equal(false);
      expect(at.blobs().filter((blob) => blob.startsWith(at.hub.hash(name)))).to.deep.equal([]);
    });
  }

  it('a file that is longer or shorter than the hub lists', async () => {
    at.hub.altered.set('model.safetensors', Buffer.concat([LARGE, Buffer.from('more')]));
    await expectError(() => at.locate(), 'DOWNLOAD_FAILED', 'model.safetensors');
    at.hub.altered.set('model.safetensors', LARGE.subarray(0, 1000));
    await expectError(() => at.locate(), 'DOWNLOAD_FAILED', 'model.safetensors');
    expect(at.blobs()).to.not.include(at.hub.hash('model.safetensors'));
  });

  it('an unknown repository: without a token it may be private', async () => {
    const typo = { name: 'people/modle' };
    await expectError(
      () => at.locate(typo),
      'HUB_UNKNOWN',
      'no model people/modle',
      'spelling',
      'set HF_TOKEN',
      '401',
    );
    at.environment.set({ HF_TOKEN: 'hf_x' });
    const error = await expectError(() => at.locate(typo), 'HUB_UNKNOWN', 'people/modle', '404', 'account');
    expect(error.at).to.deep.equal(['model', 'path']);
  });

  it('an unknown revision', async () => {
    await expectError(
      () => at.locate({ name: 'people/model@v9' }),
      'HUB_UNKNOWN',
      'no revision "v9"',
      '/people/model/tree/main',
    );
  });

  it('a licence that is not accepted', async () => {
    at.hub.answer = ({ path: asked }, response) => {
      if (!asked.includes('/resolve/')) return false;
      refuse(response, 403, 'GatedRepo', 'Access to model people/model is restricted.');
      return true;
    };
    await expectError(
      () => at.locate(),
      'HUB_REFUSED',
      'licence',
      `${at.hub.endpoint}/people/model`,
      'HF_TOKEN',
      'is restricted',
    );
  });

  describe('what it is answered', () => {
    /** Has all that `isMeant` be answered with a status, and an error code where the hub tells one. */
    const answerWith = (status: number, isMeant: (asked: string) => boolean, code?: string) => {
      at.hub.answer = ({ path: asked }, response) => {
        if (!isMeant(asked)) return false;
        response.writeHead(status, code ? { 'x-error-code': code } : {}).end();
        return true;
      };
    };
    const everything = () => true;
    const isOfApi = (asked: string) => asked.startsWith('/api/');
    const isOfConfig = (asked: string) => asked.endsWith('/config.json');
    const isOfStorage = (asked: string) => asked.startsWith('/storage/');
    const page = () => `See ${at.hub.endpoint}/people/model`;

    for (const status of [400, 403, 410, 451]) {
      it(`${status}: by whom, about what, and where to look`, async () => {
        answerWith(status, everything);
        const asked = '/api/models/people/model/revision/main';
        const answer = `${new URL(at.hub.endpoint).host}${asked} answered ${status}`;
        const error = await expectError(() => at.locate(), 'HUB_REFUSED', answer, page(), 'HF_ENDPOINT');
        expect(error.advice).to.not.include('licence');
      });
    }

    it('403 of a model that is closed to all', async () => {
      answerWith(403, everything, 'DisabledRepo');
      const error = await expectError(() => at.locate(), 'HUB_REFUSED', 'has closed people/model', page());
      expect(error.advice).to.not.include('licence');
    });

    for (const status of [403, 404]) {
      it(`${status} of the storage, whose address is told without its signature`, async () => {
        answerWith(status, isOfStorage);
        at.hub.files.delete('tokenizer.model');
        const { port } = new URL(at.hub.endpoint);
        const error = await expectError(
          () => at.locate(),
          'HUB_UNREACHABLE',
          /^127\.0\.0\.1:\d+, where the hub keeps model\.safetensors of people\/model, does not give it: /,
          `/storage/${at.hub.hash('model.safetensors')} answered ${status}`,
          'proxy',
        );
        expect(error.message).to.not.include(port).and.not.include('X-Signature');
      });
    }

    it('404 for a file that it lists', async () => {
      answerWith(404, isOfConfig);
      const error = await expectError(() => at.locate(), 'HUB_UNKNOWN', 'lacks config.json, which it lists');
      expect(error.message).to.not.include('no model');
    });

    it('401 for a file that it lists', async () => {
      answerWith(401, isOfConfig);
      await expectError(() => at.locate(), 'HUB_REFUSED', 'wants a token for config.json', 'HF_TOKEN');
    });

    it('404 without a reason: the model or the revision', async () => {
      answerWith(404, isOfApi);
      const tagged = { name: 'people/model@v9' };
      await expectError(() => at.locate(tagged), 'HUB_UNKNOWN', 'no model people/model', 'no revision "v9"');
      const error = await expectError(() => at.locate(), 'HUB_UNKNOWN', 'no model people/model');
      expect(error.message).to.not.include('revision "main"');
    });
  });

  it('a token that the hub does not take', async () => {
    at.environment.set({ HF_TOKEN: 'hf_old' });
    at.hub.answer = (_, response) => {
      response.writeHead(401, { 'x-error-message': 'Invalid credentials in Authorization header' }).end();
      return true;
    };
    await expectError(
      () => at.locate(),
      'HUB_REFUSED',
      'does not take the token',
      'Invalid credentials',
      'HF_TOKEN',
    );
  });

  it('a hub that is asked too much, after it was waited for as long as it said', async () => {
    let answered = 0;
    at.hub.answer = (_, response) => {
      answered++;
      response.writeHead(429, { 'retry-after': '0' }).end();
      return true;
    };
    await expectError(() => at.locate(), 'HUB_UNREACHABLE', '429 (too many requests), 5 times');
    expect(answered).to.equal(5);
    expect(at.notices).to.have.length(4);
    expect(at.notices[0]).to.match(/answered 429 \(too many requests\); trying again in 0 s/);
  });

  it('a hub that wants to be asked much later', async () => {
    at.hub.answer = (_, response) => {
      response.writeHead(429, { 'retry-after': '3600' }).end();
      return true;
    };
    await expectError(() => at.locate(), 'HUB_UNREACHABLE', 'in 60 minutes');
  });

  it('a hub that fails, but for a moment', async () => {
    let left = 2;
    at.hub.answer = (_, response) => {
      if (left-- <= 0) return false;
      response.writeHead(503, { 'retry-after': new Date().toUTCString() }).end();
      return true;
    };
    await at.locate();
    expect(at.notices).to.have.length(2);
    left = Number.POSITIVE_INFINITY;
    const commit = { name: `people/model@${'a'.repeat(40)}` };
    await expectError(() => at.locate(commit), 'HUB_UNREACHABLE', '503 (Service Unavailable), 5 times');
  });

  it('a hub that is gone, unless the cache has it', async () => {
    await at.locate();
    const located = at.snapshot();
    await at.hub.stop();
    expect((await at.locate()).path).to.equal(located);
    expect(at.notices[0]).to.match(
      /takes no connection \(ECONNREFUSED\); the cache has it .*HF_HUB_OFFLINE=1/,
    );
    at.environment.set({ HF_ENDPOINT: 'hub.example' });
    await expectError(() => at.locate(), 'HUB_UNREACHABLE', 'HF_ENDPOINT is "hub.example"');
  });

  it('an address at which there is something else', async () => {
    at.hub.answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      return true;
    };
    await expectError(() => at.locate(), 'HUB_UNREACHABLE', at.hub.endpoint, 'HF_ENDPOINT');
    at.hub.answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Welcome</html>');
      return true;
    };
    await expectError(() => at.locate(), 'HUB_UNREACHABLE', at.hub.endpoint, 'HF_ENDPOINT');
  });

  it('hashes and paths that would lead out of the cache', async () => {
    at.hub.answer = ({ path: asked }, response) => {
      if (!asked.includes('/tree/')) return false;
      const entry = { type: 'file', path: 'config.json', size: 1, oid: '../../../outside' };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify([entry]));
      return true;
    };
    await expectError(() => at.locate(), 'HUB_UNREACHABLE', '../../../outside');
  });

  it('a repository that does not hold what it should', async () => {
    await at.serve({ 'README.md': 'x' });
    await expectError(() => at.locate(), 'MODEL_UNKNOWN', 'no config.json', 'or GGUF files');
    const adapter = { kind: 'adapter', at: ['adapter', 'init'] } as const;
    await expectError(() => at.locate(adapter), 'ADAPTER_INVALID', 'no adapter_config.json', 'PEFT');
    await at.serve({ 'adapter_config.json': '{}' });
    await expectError(() => at.locate(), 'MODEL_UNKNOWN', 'no config.json', 'adapter.init');
    await expectError(() => at.locate({ kind: 'adapter' }), 'ADAPTER_INVALID', 'no weights');
    await at.serve({ 'config.json': '{}', 'tf_model.h5': 'x' });
    await expectError(() => at.locate(), 'MODEL_UNKNOWN', 'no weights', 'safetensors');
    await at.serve({ 'a.gguf': 'A', 'b.gguf': 'B' });
    await expectError(() => at.locate(), 'MODEL_UNKNOWN', 'a.gguf, b.gguf', 'people/model/a.gguf');
    await expectError(
      () => at.locate({ name: 'people/model/c.gguf' }),
      'HUB_UNKNOWN',
      'no file c.gguf',
      'a.gguf, b.gguf',
    );
  });

  it('an index that is none, or that names shards which are not there', async () => {
    await at.serve({ 'config.json': '{}', 'model.safetensors.index.json': '{' });
    await expectError(() => at.locate(), 'CHECKPOINT_INVALID', 'model.safetensors.index.json');
    await at.serve({
      'config.json': '{}',
      'model.safetensors.index.json': '{"weight_map":{"a":"gone.safetensors"}}',
    });
    await expectError(() => at.locate(), 'CHECKPOINT_INVALID', 'gone.safetensors');
  });

  it('a cache that cannot be written', async () => {
    at.folder.write('hf/hub', 'a file');
    await expectError(() => at.locate(), 'DOWNLOAD_FAILED', at.folder.join('hf', 'hub'), 'HF_HOME');
  });

  it('a disk that is full', async function () {
    if (!existsSync('/dev/full')) {
      skip(this, 'there is no /dev/full');
    }
    mkdirSync(at.cache('blobs'), { recursive: true });
    // Every write to it fails as on a full disk.
    symlinkSync('/dev/full', at.cache('blobs', `${at.hub.hash('model.safetensors')}.evolve.incomplete`));
    await expectError(() => at.locate(), 'DOWNLOAD_FAILED', 'the disk is full', 'ENOSPC', 'Make room');
    expect(existsSync(at.snapshot('model.safetensors'))).to.equal(false);
    expect(at.blobs()).to.not.include(at.hub.hash('model.safetensors'));
  });
});
