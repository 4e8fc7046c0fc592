/** Large products by cublasLt, the emulated one or that of the card's machine. Small ones are taken for large here. */

import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { Random } from '../../../../core/base/random.js';
import type { Device, LanguageModel } from '../../../../core/index.js';
import { gelu } from '../../../../core/ops/gelu.js';
import { linear } from '../../../../core/ops/linear.js';
import { linearCrossEntropy } from '../../../../core/ops/linear-cross-entropy.js';
import { loraLinear } from '../../../../core/ops/lora-linear.js';
import { emulatedDriver } from '../../../../plugins/devices/cuda/emulated.js';
import cuda from '../../../../plugins/devices/cuda/index.js';
import { describeProductKernels } from '../../../contracts/kernels-products.js';
import {
  DRIVER,
  expectOnCard,
  requireEmulated,
  requireLong,
  WITH_CUBLASLT,
  withEnvironment,
} from '../../../support/cuda.js';
import { askDevice } from '../../../support/devices.js';
import { callsOf, cudaBackend, takeSmallForLarge } from '../../../support/large-products.js';
import { withGradients } from '../../../support/native.js';
import { randomTensor, relativeError } from '../../../support/numbers.js';
import { skip } from '../../../support/skip.js';
import { makeWeight, type Storage } from '../../../support/weights.js';

/** As a product of the kernels in bf16: two numbers that are each rounded. */
const TOLERANCE = 1.2e-2;
const [TOKENS, WIDTH, OUT] = [70, 96, 136];

let device: Device;
let notices: readonly string[];
/** Opens the device anew, with a cublasLt that has done nothing yet. */
async function reopen(options = {}): Promise<void> {
  const answer = await withEnvironment(WITH_CUBLASLT, () =>
    askDevice(cuda, { driver: DRIVER, ...options }, 'cuda'),
  );
  expect(answer.device, answer.declined[0]).to.be.an('object');
  device = answer.device as Device;
  notices = answer.notices;
}

/** Tests in which cublasLt takes small products too; skipped, with a line that says why, where there is none. */
function describeLarge(title: string, tests: () => void): void {
  describe(title, () => {
    let putBack: (() => void) | undefined;
    before(async function () {
      if (DRIVER === emulatedDriver()) requireEmulated(this);
      await reopen();
      const told = device.details?.cublasLt ?? '';
      const isTaken = told.endsWith('takes the large products');
      if (DRIVER === emulatedDriver()) expect(isTaken, notices[0]).to.equal(true);
      else if (!isTaken) skip(this, `cublasLt is ${told}`);
      putBack = takeSmallForLarge();
    });
    after(() => putBack?.());
    tests();
  });
}

const weightIn = (storage: Storage, out = OUT) =>
  makeWeight(storage, [out, WIDTH], new Random(1).uniform(out * WIDTH, -1, 1));
const x = (tokens = TOKENS) => randomTensor<tf.Rank.R2>([tokens, WIDTH], 2);
const bias = () => randomTensor<tf.Rank.R1>([OUT], 3);
const forwardAndBackward = (weight = weightIn('bf16'), offsets: tf.Tensor1D | null = null) =>
  withGradients({ x: x() }, ({ x }) => linear(x as tf.Tensor2D, weight, offsets));

describeLarge('large products', () => {
  beforeEach(() => reopen());

  for (const storage of ['bf16', 'int8', 'nf4'] as const) {
    it(`with a weight in ${storage} are computed by cublasLt, forward and backward, and rightly`, async () => {
      const weight = weightIn(storage);
      // Twice on the card, forward once more for the value.
      const calls = await callsOf(() => expectOnCard(TOLERANCE, () => forwardAndBackward(weight, bias())));
      expect(calls).to.deep.equal({ findAlgorithm: 2, multiply: 6 });
      expect(notices).to.deep.equal([]);
    });
  }

  it('in fp32 are left to own kernels, as are few rows, thin ones, and rows of odd width', async () => {
    const calls = await callsOf(() => {
      tf.tidy(() => {
        linear(x(), weightIn('f32'));
        linear(x(8), weightIn('bf16'));
        linear(x(), weightIn('bf16', 8));
        linear(x(), weightIn('bf16', 131));
      });
    });
    expect(calls.multiply).to.equal(0);
  });

  it('with a low-rank branch: cublasLt computes the layer, and own kernels add the branch', async () => {
    const weight = weightIn('bf16');
    const calls = await callsOf(() =>
      expectOnCard(TOLERANCE, () => {
        const inputs = { x: x(), a: randomTensor([4, WIDTH], 3), b: randomTensor([OUT, 4], 4) };
        return withGradients(inputs, ({ x, a, b }: Record<string, tf.Tensor>) =>
          loraLinear(x as tf.Tensor2D, weight, null, {
            a: a as tf.Tensor2D,
            b: b as tf.Tensor2D,
            scaling: 2,
            dropout: 0,
            seed: 9,
          }),
        );
      }),
    );
    expect(calls.multiply).to.equal(6);
  });

  it('of the output layer are computed so, forward and backward', async () => {
    const weight = weightIn('bf16');
    const labels = Int32Array.from({ length: TOKENS }, (_, i) => (i * 7) % OUT);
    const calls = await callsOf(() =>
      expectOnCard(TOLERANCE, () =>
        withGradients(
          { x: x() },
          ({ x }) => linearCrossEntropy(x as tf.Tensor2D, weight, null, labels, true),
          (y) => tf.onesLike(y),
        ),
      ),
    );
    expect(calls.multiply).to.equal(8);
  });

  it('whose result is bf16, as between the products of a model, are those of own kernels, to a digit of bf16', async () => {
    const numbersBy = async (cublasLt: boolean): Promise<Float32Array> => {
      await reopen({ cublasLt });
      const site = { weight: weightIn('bf16') };
      const free = device.placeWeights?.({ linears: [site], embeddings: [] } as unknown as LanguageModel);
      try {
        return tf.tidy(() =>
          linear(gelu(x()) as tf.Tensor2D, site.weight, bias()).dataSync(),
        ) as Float32Array;
      } finally {
        free?.();
      }
    };
    const ours = await numbersBy(false);
    let theirs: Float32Array | undefined;
    const calls = await callsOf(async () => {
      theirs = await numbersBy(true);
    });
    expect(calls.multiply).to.be.above(0);
    expect(relativeError(theirs as Float32Array, ours)).to.be.below(TOLERANCE);
  });

  it('are asked for once for each shape', async () => {
    const weight = weightIn('bf16');
    const calls = await callsOf(() => {
      for (const tokens of [70, 71, 70, 70]) tf.tidy(() => void linear(x(tokens), weight));
    });
    expect(calls).to.deep.equal({ findAlgorithm: 2, multiply: 4 });
  });

  it('take their workspace from the pool, where it is counted, and leave nothing behind', async () => {
    await tf.setBackend('cuda');
    const { pool } = cudaBackend();
    const weight = weightIn('bf16');
    const memoryOf = () => {
      pool.trim();
      pool.beginPeak();
      const before = pool.usedBytes;
      tf.tidy(() => void linear(x(), weight));
      return { taken: pool.peakBytes - before, left: pool.usedBytes - before };
    };
    // The weight stays on the card.
    const { left } = memoryOf();
    expect(left).to.be.at.least(weight.byteLength);
    const again = memoryOf();
    expect(again.left).to.equal(0);
    if (DRIVER === emulatedDriver())
      expect(again.taken)
        .to.be.above(2 ** 20)
        .and.below(2 ** 21);
    // The emulated one does not start where anything of the last one is left.
    await reopen();
    expect(notices).to.deep.equal([]);
  });

  describe('that fail', () => {
    before(function () {
      if (DRIVER !== emulatedDriver()) skip(this, 'a card fails when it likes');
    });

    for (const [what, fault, line] of [
      [
        'in the midst of a run',
        'cublasLtMatmul:0:13',
        'cublasLtMatmul: CUBLAS_STATUS_EXECUTION_FAILED: cublasLt is not used any more, own kernels compute all products',
      ],
      [
        'for want of an answer of the heuristics',
        'cublasLtMatmulAlgoGetHeuristic:0:14',
        'cublasLtMatmulAlgoGetHeuristic: CUBLAS_STATUS_INTERNAL_ERROR: cublasLt is not used any more, own kernels compute all products',
      ],
      [
        'for want of an algorithm',
        'cublasLtMatmulAlgoGetHeuristic:0:15',
        'cublasLt has no algorithm for a product [70, 96] × [96, 136]; own kernels compute it',
      ],
    ]) {
      it(`${what} are computed by own kernels, with one line`, () =>
        withEnvironment({ EVOLVE_EMULATED_FAULTS: fault }, async () => {
          await expectOnCard(TOLERANCE, () => forwardAndBackward());
          expect(notices).to.deep.equal([`device cuda: ${line}`]);
        }));
    }

    it('for want of memory for their workspace are computed by own kernels, with one line', async () => {
      await tf.setBackend('cuda');
      const { free, total } = cudaBackend().driver.addon.memory();
      // Less than the workspace takes.
      const bytes = total - free + 900 * 1024;
      await withEnvironment({ EVOLVE_EMULATED_MEMORY: String(bytes) }, () =>
        expectOnCard(TOLERANCE, () => forwardAndBackward()),
      );
      expect(notices).to.have.lengthOf(1);
      expect(notices[0]).to.match(
        /^device cuda: the memory of the card ran out: .* for a workspace.*: cublasLt is not used any more/,
      );
    });
  });
});

describeProductKernels({
  title: 'cuda with cublasLt:',
  describe: (title, tests) =>
    describeLarge(title, () => {
      before(function () {
        requireLong(this);
      });
      tests();
    }),
  hold: expectOnCard,
});
