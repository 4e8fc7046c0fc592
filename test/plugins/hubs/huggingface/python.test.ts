import path from 'node:path';
import { expect } from 'chai';
import { execute } from '../../../support/cli.js';
import { compose } from '../../../support/compose.js';
import { fixture, ROOT, TemporaryFolder } from '../../../support/files.js';
import { HubEnvironment } from '../../../support/hub-environment.js';
import { HubServer } from '../../../support/hub-server.js';
import { skip } from '../../../support/skip.js';

interface Found {
  readonly folder: string;
  readonly files: readonly string[];
  readonly config: string;
}

describe('the cache that Python shares', function () {
  this.timeout(120_000);
  let folder: TemporaryFolder;
  let environment: HubEnvironment;
  let hub: HubServer;

  beforeEach(async () => {
    folder = new TemporaryFolder();
    environment = new HubEnvironment();
    hub = await HubServer.start(fixture('llama'));
    environment.set({ HF_ENDPOINT: hub.endpoint, HF_HOME: folder.join('hf') });
  });

  afterEach(async () => {
    environment.restore();
    await hub.stop();
    folder.remove();
  });

  /** What huggingface_hub makes of the cache; the test is skipped where there is none. */
  async function askPython(test: Mocha.Context, how: 'store' | 'find'): Promise<Found> {
    const python = process.env.EVOLVE_PYTHON ?? 'python3';
    const script = path.join(ROOT, 'test', 'plugins', 'hubs', 'huggingface', 'share_cache.py');
    // The hub is in this process, which must not stand still meanwhile.
    const { status, stdout, stderr } = await execute(python, [script, how, hub.repository]).catch(
      (error: Error) => ({
        status: 3,
        stdout: '',
        stderr: error.message,
      }),
    );
    if (status === 3) {
      skip(test, `${stderr.trim()} (EVOLVE_PYTHON names a Python that has huggingface_hub)`);
    }
    expect(status, stderr).to.equal(0);
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  }

  async function locate() {
    const { hooks } = await compose();
    return hooks.locateModel.promise({
      name: hub.repository,
      kind: 'model',
      weights: true,
      at: [],
      signal: new AbortController().signal,
      progress: () => {},
    });
  }

  it('has for Python what was stored here', async function () {
    const located = await locate();
    const found = await askPython(this, 'find');
    expect(found.folder).to.equal(located?.path);
    expect(found.files).to.deep.equal([
      'config.json',
      'model.safetensors',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    expect(found.config).to.equal(path.join(found.folder, 'config.json'));
  });

  it('has here what Python stored', async function () {
    const stored = await askPython(this, 'store');
    expect(stored.files).to.include('model.safetensors');
    environment.set({ HF_HUB_OFFLINE: '1' });
    hub.requests.length = 0;
    expect((await locate())?.path).to.equal(stored.folder);
    expect(hub.requests).to.deep.equal([]);
  });
});
