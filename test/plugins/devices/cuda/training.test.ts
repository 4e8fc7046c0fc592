/** A model in bf16 is trained with what lies between its products in bf16 too, and loses nothing of note against the CPU. */

import { cpSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import type { StepEvent } from '../../../../core/contracts/tracker.js';
import { BF16, F32 } from '../../../../plugins/devices/cuda/backend.js';
import { Kernel } from '../../../../plugins/devices/cuda/driver.js';
import { changeTensors } from '../../../support/checkpoints.js';
import { compose } from '../../../support/compose.js';
import { DRIVER, describeCuda, requireLong, WITH_CUBLASLT, withEnvironment } from '../../../support/cuda.js';
import { ROOT, TemporaryFolder } from '../../../support/files.js';
import { callsOf, takeSmallForLarge } from '../../../support/large-products.js';

const STEPS = 2;

describeCuda('cuda training', () => {
  const models = new TemporaryFolder();
  before(async function () {
    requireLong(this);
    cpSync(path.join(ROOT, 'data', 'models', 'llama-tiny'), models.path, { recursive: true });
    await changeTensors(models.path, (tensors) => {
      for (const [name, tensor] of tensors) tensors.set(name, { ...tensor, type: 'bf16' });
    });
  });
  after(() => models.remove());

  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  /** The losses of a few steps with the embedded model in bf16. */
  const lossesOn = async (device: object, quantizer: object): Promise<number[]> => {
    const run = await compose({
      model: { path: models.path },
      quantizer,
      adapter: { r: 8, alpha: 16, targetModules: ['q_proj', 'v_proj'], dropout: 0.05 },
      data: { sources: ['alpaca'], cutoffLength: 40, validationSize: 0 },
      train: {
        perDeviceBatchSize: 1,
        gradientAccumulationSteps: 1,
        gradientCheckpointing: true,
        maxSteps: STEPS,
        warmupSteps: 0,
        learningRate: 1e-3,
      },
      device,
      output: folder.join(`run-${'driver' in device ? 'cuda' : 'other'}`),
    });
    await run.trainer.run();
    const steps = run.events.filter((event): event is StepEvent => event.type === 'step');
    return steps.map(({ loss }) => loss);
  };

  for (const [storage, quantizer] of [
    ['bf16', { name: 'none' }],
    ['int8', { name: 'int8', compute: 'bf16' }],
    ['nf4', { name: 'nf4' }],
  ] as const) {
    it(`of a model in ${storage} has losses within a hundredth of the native device's`, async () => {
      const types = new TypesOfLaunches();
      const losses = await types.during(() => lossesOn({ name: 'cuda', driver: DRIVER }, quantizer));
      const expected = await lossesOn({ name: 'native' }, quantizer);
      expect(losses).to.have.lengthOf(STEPS);
      for (const [i, loss] of losses.entries()) {
        expect(Math.abs(loss / expected[i] - 1), `step ${i + 1}: ${loss}, ${expected[i]}`).to.be.below(0.01);
      }
      // From the residual stream to what products read, and back.
      expect(types.of('rmsNorm')).to.deep.equal({ x: [F32], y: [BF16] });
      expect(types.of('swiglu')).to.deep.equal({ gate: [BF16], up: [BF16], y: [BF16] });
      expect(types.of('attentionBf16_64')).to.deep.equal({ q: [BF16], k: [BF16], v: [BF16], y: [BF16] });
    });
  }

  it('of a model in nf4 has the same losses where cublasLt takes the products, the same to the last digit again', async () => {
    const putBack = takeSmallForLarge();
    try {
      const card = { name: 'cuda', driver: DRIVER };
      const lossesTwice = async () => [
        await lossesOn(card, { name: 'nf4' }),
        await lossesOn(card, { name: 'nf4' }),
      ];
      let losses: number[][] = [];
      const calls = await callsOf(async () => {
        losses = await withEnvironment(WITH_CUBLASLT, lossesTwice);
      });
      const expected = await lossesOn({ ...card, cublasLt: false }, { name: 'nf4' });
      expect(losses[1]).to.deep.equal(losses[0]);
      expect(expected).to.have.lengthOf(STEPS);
      for (const [i, loss] of losses[0].entries())
        expect(loss).to.be.closeTo(expected[i], 0.01 * expected[i]);
      if ('EVOLVE_CUBLASLT' in WITH_CUBLASLT) expect(calls.multiply).to.be.above(0);
    } finally {
      putBack();
    }
  });
});

/** Where a kernel's arguments have the type of an array. */
const PLACES: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  rmsNorm: { x: 1, y: 5 },
  swiglu: { gate: 1, up: 3, y: 5 },
  attentionBf16_64: { q: 1, k: 3, v: 5, y: 7 },
};

/** Which types the arrays had that kernels were launched with. */
class TypesOfLaunches {
  readonly #seen = new Map<string, Set<unknown>>();

  async during<T>(use: () => Promise<T>): Promise<T> {
    const { launch } = Kernel.prototype;
    const seen = this.#seen;
    Kernel.prototype.launch = function (grid, threads, ...args) {
      for (const [name, place] of Object.entries(PLACES[this.name] ?? {})) {
        const key = `${this.name} ${name}`;
        seen.set(key, (seen.get(key) ?? new Set()).add(args[place]));
      }
      launch.call(this, grid, threads, ...args);
    };
    try {
      return await use();
    } finally {
      Kernel.prototype.launch = launch;
    }
  }

  of(kernel: string): Record<string, unknown[]> {
    const names = Object.keys(PLACES[kernel]);
    return Object.fromEntries(names.map((name) => [name, [...(this.#seen.get(`${kernel} ${name}`) ?? [])]]));
  }
}
