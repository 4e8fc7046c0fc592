import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { parse } from 'yaml';
import { cliOf, evolve } from '../../../support/cli.js';
import { fixture, ROOT, TemporaryFolder } from '../../../support/files.js';
import { HubServer, refuse } from '../../../support/hub-server.js';
import { EIGHT_ROWS, readJson } from '../../../support/runs.js';
import { evolveShared } from '../../../support/shared-cli.js';

const GENERATE = [
  'generate',
  '--instruction',
  'Name a color.',
  '--max-new-tokens',
  '8',
  '--device',
  'portable',
];

describe('a command with a model of a hub', function () {
  this.timeout(120_000);
  let folder: TemporaryFolder;
  let hub: HubServer;
  let env: Record<string, string>;

  beforeEach(async () => {
    folder = new TemporaryFolder();
    hub = await HubServer.start(fixture('llama'));
    env = {
      HF_ENDPOINT: hub.endpoint,
      HF_HOME: folder.join('hf'),
      HF_HUB_OFFLINE: '',
      HF_HUB_CACHE: folder.join('hub'),
    };
  });

  afterEach(async () => {
    await hub.stop();
    folder.remove();
  });

  const generate = (model: string, ...more: string[]) =>
    evolveShared([...GENERATE, '--model', model, ...more], { env });
  const cache = (...names: string[]) => folder.join('hub', 'models--people--model', ...names);
  const incomplete = () => cache('blobs', `${hub.hash('model.safetensors')}.evolve.incomplete`);

  /** A command line that is under way. */
  function start(args: readonly string[]) {
    return spawn(process.execPath, [cliOf(), ...args], {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: 'pipe',
    });
  }

  async function until(isSo: () => boolean): Promise<void> {
    for (let i = 0; !isSo(); i++) {
      if (i > 600) throw new Error('it did not come to that within 30 s');
      await sleep(50);
    }
  }

  function config(): string {
    folder.write('rows.json', EIGHT_ROWS);
    return folder.write(
      'run.yaml',
      `model: { path: people/model }
quantizer: none
device: { name: portable, backend: cpu }
data: { sources: [{ path: ./rows.json, format: alpaca }], validationSize: 0, cutoffLength: 256 }
train: { maxSteps: 1, warmupSteps: 0, perDeviceBatchSize: 2, gradientAccumulationSteps: 1 }
`,
    );
  }

  it('trains it, and leaves what names the very same model', async () => {
    const output = folder.join('run');
    const { status, stdout, stderr } = await evolveShared(['run', config(), '--output', output], { env });
    expect(status, stderr).to.equal(0);
    // Faults of the data are told before the weights are fetched.
    expect(stdout).to.match(/^downloading people\/model: 3 files, [\d.]+ kB$/m);
    expect(stdout).to.match(/^downloading people\/model: 4 files, 1[\d.]+ kB, of which .* are here$/m);
    expect(stdout).to.match(/^downloaded people\/model in 0:\d\d, /m);
    const pinned = `people/model@${hub.commit}`;
    expect(parse(readFileSync(path.join(output, 'config.yaml'), 'utf8')).model.path).to.equal(pinned);
    const adapter = readJson(output, 'adapter', 'adapter_config.json');
    expect(adapter).to.include({ base_model_name_or_path: 'people/model', revision: hub.commit });

    // Another commit of the branch, and no hub: the run is still of its own model.
    hub.requests.length = 0;
    const again = await evolveShared([...GENERATE, '--run', output], {
      env: { ...env, HF_ENDPOINT: 'http://127.0.0.1:9' },
    });
    expect(again.status, again.stderr).to.equal(0);
    const second = await evolveShared(
      ['run', path.join(output, 'config.yaml'), '--output', folder.join('again'), '--json'],
      { env },
    );
    expect(second.status, second.stderr).to.equal(0);
    expect(second.stdout).to.not.include('"download"');
    expect(hub.requests).to.deep.equal([]);
    expect(readJson(folder.join('again'), 'run.json').lastLoss).to.equal(
      readJson(output, 'run.json').lastLoss,
    );
  });

  it('tells of the download in JSON lines', async () => {
    const { stdout } = await evolveShared(['run', config(), '--output', folder.join('run'), '--json'], {
      env,
    });
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const downloads = events.filter(({ type }) => type === 'download');
    // All but the weights, then these too.
    expect(downloads[0]).to.include({ status: 'running', name: 'people/model', files: 3, bytes: 0 });
    expect(downloads.at(-1)).to.include({ status: 'completed', files: 4 });
    expect(downloads.at(-1).bytes).to.equal(downloads.at(-1).totalBytes);
    expect(downloads.length).to.be.below(10);
  });

  it('generates what the same files in a folder generate', async () => {
    const ofHub = await generate('people/model');
    const ofFolder = await generate(fixture('llama'));
    expect(ofHub.status, ofHub.stderr).to.equal(0);
    expect(ofHub.stdout).to.equal(ofFolder.stdout);
    expect(ofHub.stderr).to.include('downloading people/model');
  });

  it('generates with an adapter of a hub, and trains on from it', async () => {
    await hub.stop();
    hub = await HubServer.start(fixture('peft-adapter'));
    env.HF_ENDPOINT = hub.endpoint;
    const ofHub = await generate(fixture('llama'), '--adapter', 'people/model');
    const ofFolder = await generate(fixture('llama'), '--adapter', fixture('peft-adapter'));
    expect(ofHub.status, ofHub.stderr).to.equal(0);
    expect(ofHub.stdout).to.equal(ofFolder.stdout);
    expect(ofHub.stdout).to.not.equal((await generate(fixture('llama'))).stdout);

    const output = folder.join('run');
    const set = ['--set', `model.path=${fixture('llama')}`, '--set', 'adapter.init=people/model'];
    const trained = await evolveShared(['run', config(), '--output', output, ...set], { env });
    expect(trained.status, trained.stderr).to.equal(0);
    const { r, target_modules } = readJson(output, 'adapter', 'adapter_config.json');
    const start = readJson(fixture('peft-adapter'), 'adapter_config.json');
    expect({ r, target_modules }).to.deep.equal({
      r: start.r,
      target_modules: (start.target_modules as string[]).sort(),
    });
    const { adapter } = parse(readFileSync(path.join(output, 'config.yaml'), 'utf8'));
    expect(adapter).to.deep.equal({ method: 'lora', init: `people/model@${hub.commit}` });
    const wrong = await evolveShared(['run', config(), '--output', output, ...set, '--set', 'adapter.r=7'], {
      env,
    });
    expect(wrong.status).to.equal(2);
    expect(wrong.stderr).to.include('adapter.r: the adapter in people/model has');
  });

  it('merges and exports it', async () => {
    const ofHub = folder.join('exported');
    const ofFolder = folder.join('same');
    const exported = ['export', '--format', 'safetensors', '--device', 'portable', '--output'];
    for (const [output, model] of [
      [ofHub, 'people/model'],
      [ofFolder, fixture('llama')],
    ]) {
      const { status, stderr } = await evolveShared([...exported, output, '--model', model], { env });
      expect(status, stderr).to.equal(0);
    }
    const weights = (output: string) => readFileSync(path.join(output, 'model.safetensors'));
    expect(weights(ofHub).equals(weights(ofFolder))).to.equal(true);

    const merged = folder.join('merged');
    const { status, stderr } = await evolveShared(
      ['merge', '--model', 'people/model', '--adapter', fixture('peft-adapter'), '--output', merged],
      { env },
    );
    expect(status, stderr).to.equal(0);
    expect(weights(merged).equals(weights(ofHub))).to.equal(false);
  });

  it('says where in the configuration the name is that the hub does not know', async () => {
    const set = ['--set', 'model.path=people/modle'];
    const file = config();
    const ofFlag = await evolveShared(['run', file, '--output', folder.join('run'), ...set], { env });
    expect(ofFlag.status).to.equal(2);
    expect(ofFlag.stderr).to.match(/^evolve: --set model\.path: there is no model people\/modle on http/m);
    hub.answer = (_, response) => {
      refuse(response, 403, 'GatedRepo', 'Restricted.');
      return true;
    };
    const ofFile = await evolveShared(['run', file, '--output', folder.join('run'), '--json'], { env });
    expect(ofFile.status).to.equal(2);
    const { type, code, message } = JSON.parse(ofFile.stdout.trim().split('\n').at(-1) ?? '');
    expect({ type, code }).to.deep.equal({ type: 'error', code: 'HUB_REFUSED' });
    expect(message).to.include('run.yaml:1:10: people/model is not open');
    expect(existsSync(folder.join('run'))).to.equal(false);
  });

  it('goes on after it was killed in the midst of a download', async () => {
    hub.chunkDelay = 100;
    const child = start([...GENERATE, '--model', 'people/model']);
    await until(() => existsSync(incomplete()) && statSync(incomplete()).size > 20_000);
    child.kill('SIGKILL');
    await once(child, 'close');
    const kept = statSync(incomplete()).size;
    expect(existsSync(cache('snapshots', hub.commit, 'model.safetensors'))).to.equal(false);
    hub.chunkDelay = 0;
    hub.requests.length = 0;
    const { status, stderr } = await generate('people/model');
    expect(status, stderr).to.equal(0);
    expect(stderr).to.include('are here');
    expect(hub.requestsFor('model.safetensors').map(({ headers }) => headers.range)).to.deep.equal([
      `bytes=${kept}-`,
    ]);
    expect(readdirSync(cache('blobs'))).to.have.members([
      ...['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors'].map((name) =>
        hub.hash(name),
      ),
    ]);
  });

  it('ends a download on Ctrl-C, with what came', async () => {
    hub.chunkDelay = 200;
    const child = start(['run', config(), '--output', folder.join('run')]);
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    await until(() => existsSync(incomplete()) && statSync(incomplete()).size > 0);
    child.kill('SIGINT');
    const [status] = await once(child, 'close');
    expect(status, stderr).to.equal(130);
    expect(stderr).to.include('interrupted while people/model was downloaded');
    expect(statSync(incomplete()).size).to.be.above(0);
  });

  it('downloads once where three do it at a time', async () => {
    hub.chunkDelay = 100;
    const results = await Promise.all(
      [1, 2, 3].map(() => evolve([...GENERATE, '--model', 'people/model'], { env })),
    );
    for (const { status, stderr } of results) expect(status, stderr).to.equal(0);
    expect(new Set(results.map(({ stdout }) => stdout)).size).to.equal(1);
    expect(hub.requestsFor('model.safetensors')).to.have.length(1);
    expect(results.some(({ stderr }) => stderr.includes('another process downloads people/model'))).to.equal(
      true,
    );
  });
});
