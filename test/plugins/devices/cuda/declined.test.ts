/** Why a card cannot be had: one clear line each, and the next device. */

import { chmodSync } from 'node:fs';
import { expect } from 'chai';
import { deniedNode } from '../../../../plugins/devices/cuda/card.js';
import { emulatedDriver } from '../../../../plugins/devices/cuda/emulated.js';
import cuda from '../../../../plugins/devices/cuda/index.js';
import { evolve } from '../../../support/cli.js';
import { EMULATED, requireEmulated, withEnvironment } from '../../../support/cuda.js';
import { askDevice } from '../../../support/devices.js';
import { fixture, TemporaryFolder } from '../../../support/files.js';
import { EIGHT_ROWS } from '../../../support/runs.js';
import { skip } from '../../../support/skip.js';

/** By what is wrong: the environment, and what the device answers. */
const FAULTS: Readonly<Record<string, readonly [Record<string, string>, string]>> = {
  'no card': [{ EVOLVE_EMULATED_FAULTS: 'cuInit:0:100' }, 'there is no card'],
  'a CUDA_VISIBLE_DEVICES that names none': [
    { CUDA_VISIBLE_DEVICES: '3' },
    'CUDA_VISIBLE_DEVICES is "3", which names no card',
  ],
  'the same, as newer drivers say it': [
    { CUDA_VISIBLE_DEVICES: '-1', EVOLVE_EMULATED_FAULTS: 'cuInit:0:100' },
    'CUDA_VISIBLE_DEVICES is "-1", which names no card',
  ],
  'a driver that is too old': [
    { EVOLVE_EMULATED_DRIVER: '11080' },
    'its driver is for CUDA 11.8; it takes one for 12.0, which is driver 525, or later',
  ],
  'a card that is too old': [
    { EVOLVE_EMULATED_CAPABILITY: '75' },
    'the emulated GPU is of compute capability 7.5; it takes 8.0 (Ampere) or later',
  ],
  'a driver that does not start': [
    { EVOLVE_EMULATED_FAULTS: 'cuInit:0:999' },
    'the driver does not start: cuInit: CUDA_ERROR_UNKNOWN (emulated)',
  ],
  'a driver that was replaced': [
    { EVOLVE_EMULATED_FAULTS: 'cuInit:0:803' },
    'the driver does not start: cuInit: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (emulated); its library and its kernel module differ: restart the machine',
  ],
  'a card that another process has for itself': [
    { EVOLVE_EMULATED_FAULTS: 'cuDevicePrimaryCtxRetain:0:46' },
    'card 0 does not open: cuDevicePrimaryCtxRetain: CUDA_ERROR_DEVICE_UNAVAILABLE (emulated)',
  ],
  'a card that others fill': [
    { EVOLVE_EMULATED_OTHERS: '3900M' },
    'other processes use the memory of the emulated GPU: N of 4096 MiB are free (nvidia-smi lists them)',
  ],
  'one that they fill to the brim': [
    { EVOLVE_EMULATED_FAULTS: 'cuDevicePrimaryCtxRetain:0:2' },
    'the memory of card 0 is taken by other processes (nvidia-smi lists them)',
  ],
};

describe('the device cuda where it cannot be had', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
    folder.write('rows.json', EIGHT_ROWS);
  });
  afterEach(() => folder.remove());

  /** The line about the device of a run of one step. */
  async function deviceLine(device: object | string, env: Record<string, string>): Promise<string> {
    const configuration = {
      model: { path: fixture('llama') },
      data: { sources: [{ path: 'rows.json', format: 'alpaca' }], cutoffLength: 256, validationSize: 0 },
      train: { maxSteps: 1, warmupSteps: 0, perDeviceBatchSize: 1, gradientAccumulationSteps: 1 },
      device,
    };
    folder.write('my.yaml', JSON.stringify(configuration));
    const { status, stdout, stderr } = await evolve(['run', 'my.yaml'], { cwd: folder.path, env });
    expect(status, stderr).to.equal(0);
    expect(stderr).to.equal('');
    const lines = stdout.split('\n').filter((line) => line.startsWith('device '));
    expect(lines, stdout).to.have.lengthOf(1);
    return lines[0];
  }

  it('for want of a driver: says so in three words where nobody asked for it, and at length where somebody did', async () => {
    const env = { LD_LIBRARY_PATH: folder.path, CUDA_VISIBLE_DEVICES: '' };
    const missing = { name: 'cuda', driver: 'libnothing.so.7' };
    expect(await deviceLine(missing, env)).to.match(
      /^device (native|portable): .*\(not cuda: no NVIDIA driver \(libnothing\.so\.7: .*\)/,
    );
  });

  it('without a driver, auto says so in three words', async function () {
    const { stdout } = await evolve(['device', '--json']);
    if (!JSON.parse(stdout.split('\n')[0]).reason?.includes('libcuda.so.1'))
      skip(this, 'this machine has an NVIDIA driver');
    expect(await deviceLine('auto', {})).to.match(
      /^device (native|portable): .*\(not cuda: no NVIDIA driver(; not .*)?\)$/,
    );
  });

  describe('on the emulated driver', () => {
    before(function () {
      requireEmulated(this);
    });

    for (const [what, [env, answer]] of Object.entries(FAULTS)) {
      it(`for ${what}: says so in one line`, () =>
        withEnvironment(env, async () => {
          const { device, declined } = await askDevice(cuda, { driver: emulatedDriver() }, 'cuda');
          expect(device).to.equal(undefined);
          // How much is free is what tests before have left.
          expect(declined.map((line) => line.replace(/\d+ of 4096/, 'N of 4096'))).to.deep.equal([answer]);
        }));
    }

    it('for kernels that the driver refuses: says so in one line', async () => {
      // They are loaded once a process.
      const env = { ...EMULATED, EVOLVE_EMULATED_FAULTS: 'cuModuleLoadData:0:222' };
      const ran = await evolve(['device', '--json'], { env });
      expect(ran.status, ran.stderr).to.equal(0);
      const [first, ...others] = ran.stdout.trimEnd().split('\n');
      expect(JSON.parse(first)).to.deep.equal({
        type: 'device',
        name: 'cuda',
        usable: false,
        auto: false,
        reason:
          'the driver refuses the kernels: cuModuleLoadData: CUDA_ERROR_UNSUPPORTED_PTX_VERSION (emulated); a later driver may take them',
      });
      expect(others.filter((line) => JSON.parse(line).auto)).to.have.lengthOf(1);
    });

    it('a run goes on with the next device, whether it asked for the card or for any, and says why in its one line', async () => {
      const [env, answer] = FAULTS['a card that is too old'];
      for (const device of ['auto', 'cuda']) {
        const line = await deviceLine(device, { ...EMULATED, ...env });
        expect(line)
          .to.match(/^device (native|portable): /)
          .and.include(`not cuda: ${answer}`);
        expect(line.split(answer)).to.have.lengthOf(2);
      }
    });

    it('a card of a number that there is not: says which there are', async () => {
      expect(await deviceLine({ name: 'cuda', index: 7 }, EMULATED)).to.match(
        /^device (native|portable): .*\(not cuda: there is no card 7; there is one, 0\b/,
      );
    });
  });
});

describe('the device nodes of NVIDIA', () => {
  it('name the first that this process may not open', function () {
    if (process.platform === 'win32') skip(this, 'Windows has no device nodes');
    const folder = new TemporaryFolder();
    const isRoot = process.getuid?.() === 0;
    try {
      for (const name of ['nvidia0', 'nvidiactl', 'nvidia-modeset', 'null']) folder.write(name, '');
      expect(deniedNode(folder.path)).to.equal(undefined);
      expect(deniedNode(folder.join('nothing'))).to.equal(undefined);
      for (const name of ['nvidia-modeset', 'nvidiactl']) chmodSync(folder.join(name), 0o000);
      for (const name of ['.', 'nvidia0']) chmodSync(folder.join(name), 0o777);
      // Root may open everything.
      if (isRoot) process.seteuid?.(65_534);
      expect(deniedNode(folder.path)).to.equal(folder.join('nvidiactl'));
    } finally {
      if (isRoot) process.seteuid?.(0);
      folder.remove();
    }
  });
});
