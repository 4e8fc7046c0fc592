/** Whole runs on the emulated driver, in processes of their own: what they compute, and what they leave when the card fails. */

import { existsSync } from 'node:fs';
import { expect } from 'chai';
import { type CliResult, evolve } from '../../../support/cli.js';
import { EMULATED, requireLong } from '../../../support/cuda.js';
import { fixture, TemporaryFolder } from '../../../support/files.js';
import { EIGHT_ROWS, readJson, readSteps } from '../../../support/runs.js';

const LONG_ROW = { instruction: 'Name a color.', input: '', output: 'It is red indeed. '.repeat(10) };

describe('a run on the device cuda', () => {
  let folder: TemporaryFolder;
  before(function () {
    requireLong(this);
    folder = new TemporaryFolder();
    folder.write('rows.json', EIGHT_ROWS);
    const rows = JSON.parse(EIGHT_ROWS) as object[];
    folder.write('long.json', JSON.stringify([...rows.slice(0, 3), LONG_ROW]));
  });
  after(() => folder?.remove());

  /** A run of short steps, a row each, into the folder `name`. */
  function run(
    name: string,
    { device = 'cuda', data = 'rows.json', ...further }: Record<string, unknown>,
    env: Record<string, string> = {},
  ): Promise<CliResult> {
    const { train, ...others } = further as { train?: object };
    const configuration = {
      model: { path: fixture('llama') },
      quantizer: 'nf4',
      adapter: { r: 4 },
      data: {
        sources: [{ path: data, format: 'alpaca' }],
        cutoffLength: 512,
        shuffle: false,
        validationSize: 0,
      },
      train: {
        perDeviceBatchSize: 1,
        gradientAccumulationSteps: 1,
        warmupSteps: 0,
        learningRate: 0.01,
        ...train,
      },
      device,
      output: folder.join(name),
      ...others,
    };
    const file = folder.write(`${name}.yaml`, JSON.stringify(configuration));
    return evolve(['run', file], { cwd: folder.path, env: { ...EMULATED, ...env } });
  }
  const lossesOf = (name: string) =>
    readSteps(folder.join(name)).map(({ loss, gradNorm }) => [loss, gradNorm]);

  describe('of two steps', () => {
    let ran: CliResult;
    before(async () => {
      ran = await run('first', { train: { maxSteps: 2, gradientCheckpointing: true } });
      expect(ran.status, ran.stderr).to.equal(0);
    });

    it('has the losses of the portable device, as far as bf16 goes', async () => {
      const { status, stderr } = await run('portable', { device: 'portable', train: { maxSteps: 2 } });
      expect(status, stderr).to.equal(0);
      const expected = lossesOf('portable');
      for (const [i, [loss, norm]] of lossesOf('first').entries()) {
        expect(loss).to.be.closeTo(expected[i][0], 0.01 * expected[i][0]);
        expect(norm).to.be.closeTo(expected[i][1], 0.05 * expected[i][1]);
      }
      expect(expected).to.have.lengthOf(2);
    });

    it('has the same losses again, to the last bit', async () => {
      const { status, stderr } = await run('again', { train: { maxSteps: 2, gradientCheckpointing: true } });
      expect(status, stderr).to.equal(0);
      expect(lossesOf('again')).to.deep.equal(lossesOf('first'));
    });

    it('tells what memory of the card it took: in each step, at the end, and in run.json', () => {
      const { device, peakDeviceMemory, fallbacks } = readJson(folder.join('first'), 'run.json') as {
        device: object;
        peakDeviceMemory: number;
        fallbacks: object;
      };
      expect(device).to.include({ name: 'cuda', description: 'emulated GPU, sm_80, 4.0 of 4.0 GiB free' });
      expect(peakDeviceMemory).to.be.above(2 ** 18);
      const steps = readSteps(folder.join('first')).map((step) => step.peakDeviceMemory ?? 0);
      expect(steps[0]).to.be.above(2 ** 18);
      expect(steps[1]).to.be.at.least(steps[0]);
      expect(peakDeviceMemory).to.be.at.least(steps[1]);
      expect(ran.stdout).to.match(/^step 1\/2 .* tokens\/s {2}\d+ MiB {2}/m);
      expect(ran.stdout).to.match(/^peak memory: [\d,]+ MiB, \d+ MiB on the device$/m);
      expect(fallbacks).to.be.an('object');
    });

    it('leaves an adapter with which evolve generate answers on the card', async () => {
      const args = ['generate', '--run', folder.join('first'), '--instruction', 'Name a color.'];
      const { status, stdout, stderr } = await evolve([...args, '--max-new-tokens', '4', '--json'], {
        env: EMULATED,
      });
      expect(status, stderr).to.equal(0);
      expect(stderr).to.include('device cuda: emulated GPU');
      expect(JSON.parse(stdout).tokens).to.equal(4);
    });
  });

  it('where the weights do not fit: says for what memory ran out, how much there is, and what takes less', async () => {
    const { status, stderr } = await run(
      'tiny',
      { train: { maxSteps: 1 } },
      { EVOLVE_EMULATED_MEMORY: '40K' },
    );
    expect(status).to.equal(1);
    expect(stderr).to.match(
      /^evolve: the memory of the card ran out: 1 MiB for a frozen weight \[\d+,\d+\], of 1 MiB that are free; it has 1 MiB, of which this run uses 0 MiB\n/,
    );
    expect(stderr).to.include('Lower train.perDeviceBatchSize').and.include('quantizer: int8');
    expect(stderr).to.not.match(/^ +at /m);
  });

  it('where a long row does not fit: keeps the adapter of the step before', async () => {
    const settings = { train: { maxSteps: 3, saveEvery: 2 }, data: 'long.json' };
    expect((await run('short', settings)).status).to.equal(0);
    const { peakDeviceMemory } = readJson(folder.join('short'), 'run.json') as { peakDeviceMemory: number };
    const memory = { EVOLVE_EMULATED_MEMORY: `${Math.ceil(peakDeviceMemory / 1024)}K` };
    const { status, stderr } = await run(
      'long',
      { ...settings, train: { maxSteps: 4, saveEvery: 2 } },
      memory,
    );
    expect(status).to.equal(1);
    expect(stderr).to.match(/^evolve: the memory of the card ran out: /);
    const { error, ...result } = readJson(folder.join('long'), 'run.json') as {
      error: { code: string };
      steps: number;
      status: string;
    };
    expect(result).to.include({ status: 'failed', steps: 3 });
    expect(error.code).to.equal('OUT_OF_MEMORY');
    expect(existsSync(folder.join('long', 'adapter', 'adapter_model.safetensors'))).to.equal(true);
  });

  it('of which the card is lost keeps the adapter that was saved last, and says so', async () => {
    // Each call after step 3 fails, as when a card falls off the bus.
    folder.write(
      'lose.mjs',
      `export default { name: 'lose', apiVersion: 2, apply(trainer) {
         trainer.hooks.step.tap(({ step }) => {
           if (step === 3) process.env.EVOLVE_EMULATED_FAULTS = 'cuLaunchKernel:0:719,cuMemcpyDtoHAsync_v2:0:719';
         });
       } };`,
    );
    const settings = { plugins: [folder.join('lose.mjs')], train: { maxSteps: 5, saveEvery: 2 } };
    const { status, stdout, stderr } = await run('lost', settings);
    expect(status).to.equal(1);
    expect(stderr).to.match(/^evolve: the card was lost: \w+: CUDA_ERROR_LAUNCH_FAILED \(/);
    expect(stderr).to.include('What was saved before is kept.').and.include('nvidia-smi');
    expect(stderr).to.not.match(/^ +at /m);
    expect(stdout).to.match(/^the adapter of step 3 cannot be saved: .*; that of step 2 is kept$/m);
    const { error, ...result } = readJson(folder.join('lost'), 'run.json') as {
      error: { code: string };
      steps: number;
      status: string;
    };
    expect(result).to.include({ status: 'failed', steps: 3 });
    expect(error.code).to.equal('DEVICE_FAILED');
    const args = ['generate', '--run', folder.join('lost'), '--instruction', 'x', '--max-new-tokens', '2'];
    expect((await evolve([...args, '--device', 'portable'])).status).to.equal(0);
  });
});
