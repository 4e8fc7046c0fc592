import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { usableCores } from '../../../../plugins/devices/native/cores.js';
import native from '../../../../plugins/devices/native/index.js';
import { compose } from '../../../support/compose.js';
import { askDevice } from '../../../support/devices.js';
import { expectError } from '../../../support/errors.js';
import { addon, describeNative } from '../../../support/native.js';
import { skip } from '../../../support/skip.js';

const { EVOLVE_ISA } = process.env;

describeNative('the device native', () => {
  afterEach(() => {
    if (EVOLVE_ISA === undefined) delete process.env.EVOLVE_ISA;
    else process.env.EVOLVE_ISA = EVOLVE_ISA;
  });

  it('opens with as many threads as it may use cores, or as it is told', async () => {
    const cores = usableCores();
    const each = cores === 1 ? 'one thread' : `${cores} threads`;
    for (const [options, threads] of [
      [{}, each],
      [{ threads: 1 }, 'one thread'],
      [{ threads: 5 }, '5 threads'],
    ] as const) {
      const { device } = await askDevice(native, options, 'native');
      expect(device).to.include({ name: 'native', backend: 'native' });
      expect(device?.description).to.match(new RegExp(`^C\\+\\+ kernels for [\\w-]+, ${threads}$`));
      expect(tf.getBackend()).to.equal('native');
    }
  });

  it('says so where it is told to take more threads than cores', async () => {
    const cores = usableCores();
    for (const [threads, told] of [
      [cores, 0],
      [cores + 1, 1],
    ] as const) {
      const { assembler, events } = await compose({ device: { name: 'native', threads } });
      await assembler.openDevice();
      const lines = events.flatMap((event) => (event.type === 'notice' ? [event.message] : []));
      const found = lines.filter((line) =>
        line.startsWith(`device native: ${threads} threads are more than`),
      );
      expect(found).to.have.length(told);
    }
  });

  it('serves the thread of Node.js that has it, and no other', async () => {
    const url = new URL('../../../../plugins/devices/native/addon.js', import.meta.url);
    const script = `import(${JSON.stringify(url.href)}).then(({ loadAddon }) =>
      require('node:worker_threads').parentPort.postMessage(loadAddon().reason))`;
    const worker = new Worker(script, { eval: true });
    const [reason] = await once(worker, 'message');
    expect(reason).to.include('it serves one thread of Node.js, and another has it');
    await worker.terminate();
  });

  it('has every instruction set of this CPU, the plain one first, and each where it is forced', async () => {
    const isas = addon.isas();
    expect(isas[0]).to.equal('plain');
    for (const isa of isas) {
      process.env.EVOLVE_ISA = isa;
      const { device } = await askDevice(native, { threads: 1 }, 'native');
      expect(device?.description).to.equal(`C++ kernels for ${isa}, one thread`);
    }
  });

  for (const [isa, flag] of [
    ['avx-vnni', 'avx_vnni'],
    ['amx', 'amx_int8'],
  ] as const) {
    it(`finds ${isa} where this CPU has it, so that the tests of kernels run on it`, function () {
      const flags = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '';
      if (!new RegExp(`\\b${flag}\\b`).test(flags)) {
        skip(this, `this CPU has no ${isa}, or does not say so: no test runs the kernels for it`);
      }
      expect(addon.isas()).to.include(isa);
    });
  }

  it('refuses a forced instruction set that is not there, with those that are', async () => {
    for (const isa of ['mmx', 'AVX2', 'neon-of-next-year']) {
      process.env.EVOLVE_ISA = isa;
      await expectError(
        () => askDevice(native, {}, 'native'),
        'DEVICE_UNKNOWN',
        `EVOLVE_ISA is "${isa}"`,
        addon.isas().join(', '),
      );
    }
  });

  it('takes no threads but a whole number of them', async () => {
    for (const threads of [0, -1, 1.5, 'two', 5000]) {
      await expectError(
        () => compose({ device: { name: 'native', threads } }),
        'PLUGIN_INVALID',
        'device.threads',
      );
    }
  });
});
