import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { Random } from '../../../../../core/base/random.js';
import type { ComputeType, FrozenWeight } from '../../../../../core/ops/frozen-weight.js';
import { linearCrossEntropy } from '../../../../../core/ops/linear-cross-entropy.js';
import { logProbabilities } from '../../../../../core/ops/log-probabilities.js';
import { trainableLinearCrossEntropy } from '../../../../../core/ops/trainable-linear-cross-entropy.js';
import {
  addon,
  describeNative,
  expectNotFinite,
  expectReference,
  onEachIsa,
  withGradients,
} from '../../../../support/native.js';
import { checkGradient, randomTensor, relativeError } from '../../../../support/numbers.js';
import { int8Steps, makeWeight, STORAGES, type Storage } from '../../../../support/weights.js';

/** `[tokens, hidden, vocabulary]` */
const SHAPES: [number, number, number][] = [
  [0, 4, 5],
  [1, 2, 2],
  [1, 3, 2],
  [15, 33, 65],
  [100, 20, 700],
];
/** Each way more than a block of a reduction. */
const LARGE: [number, number, number] = [3, 1030, 4100];
const [TOKENS, HIDDEN, VOCABULARY] = SHAPES[3];
/** Gradients are differences of near numbers where the vocabulary is small; in bf16 they are rounded to that. */
const TOLERANCES: Record<ComputeType, number> = { fp32: 2e-5, bf16: 8e-3, int8: 8e-3 };

/** Numbers that all storages but nf4 hold exactly. */
function weightOf(
  storage: Storage,
  [, hidden, vocabulary]: readonly number[],
  compute: ComputeType,
): FrozenWeight {
  return makeWeight(storage, [vocabulary, hidden], int8Steps(vocabulary, hidden, 1, 1 / 128), compute);
}

const labelsOf = (tokens: number, vocabulary: number) =>
  Int32Array.from({ length: tokens }, (_, i) => (i * 7 + vocabulary - 1) % vocabulary);

function lossOf(x: tf.Tensor, weight: FrozenWeight, bias: tf.Tensor | null = null): tf.Scalar {
  const labels = labelsOf(x.shape[0], weight.shape[0]);
  return linearCrossEntropy(x as tf.Tensor2D, weight, bias as tf.Tensor1D | null, labels, true);
}

describeNative('native log-probabilities', () => {
  const of = (logits: tf.Tensor, labels = labelsOf(logits.shape[0], logits.shape[1] as number)) =>
    logProbabilities(logits as tf.Tensor2D, labels);

  for (const shape of [
    [0, 5],
    [1, 2],
    [3, 33],
    [17, 700],
    [200, 4100],
  ]) {
    it(`of [${shape}]`, () =>
      expectReference(TOLERANCES.fp32, () =>
        withGradients({ logits: tf.mul(randomTensor(shape as [number, number], 2), 5) }, ({ logits }) =>
          of(logits),
        ),
      ));
  }

  it('of logits far apart, and large', () =>
    expectReference(1e-6, () => {
      const logits = tf.tensor2d([
        [10_000, 0, -10_000, 3, 4],
        [-5000, -5001, -5002, -5003, Number.NEGATIVE_INFINITY],
      ]);
      return { far: of(logits, Int32Array.of(2, 3)), most: of(logits, Int32Array.of(0, 0)) };
    }));

  it('makes no numbers of what is none', () =>
    expectNotFinite(
      () => ({ logits: randomTensor([3, 40], 2) }),
      (inputs) => withGradients(inputs, ({ logits }) => of(logits)),
      // Those of labels: elsewhere −∞ is the logit of a token that is impossible.
      { logits: [39, 46] },
    ));

  it('has the gradient that finite differences show', () =>
    onEachIsa(() => tf.tidy(() => checkGradient((logits) => of(logits), [randomTensor([3, 7], 2)]))));

  it('leaves no tensor behind but its result', () =>
    onEachIsa(() => {
      const logits = randomTensor([3, 7], 2);
      const before = tf.memory().numTensors;
      const y = of(logits);
      expect(tf.memory().numTensors - before).to.equal(1);
      tf.dispose([logits, y]);
    }));

  it('refuses a label outside the vocabulary', () =>
    onEachIsa(() => {
      const [logits, y, logSums] = [6, 2, 2].map((size) => new Float32Array(size));
      const message = 'argument 3 holds a label outside the vocabulary';
      for (const label of [-1, 3]) {
        const labels = Int32Array.of(0, label);
        expect(() => addon.logProbabilities(logits, 2, 3, labels, y, logSums)).to.throw(message);
      }
    }));
});

describeNative('native output layer and loss', () => {
  for (const storage of STORAGES) {
    for (const compute of ['fp32', 'bf16', 'int8'] as const) {
      it(`of ${storage} in ${compute}`, async () => {
        for (const shape of storage === 'bf16' ? [...SHAPES, LARGE] : SHAPES) {
          const weight = weightOf(storage, shape, compute);
          await expectReference(TOLERANCES[compute], () =>
            withGradients(
              { x: randomTensor([shape[0], shape[1]], 2) },
              ({ x }) => lossOf(x, weight, shape[0] % 2 ? randomTensor([shape[2]], 3) : null),
              () => tf.scalar(0.3),
            ),
          );
        }
      });
    }
  }

  for (const shape of SHAPES) {
    it(`whose weight is trained too, [${shape}]`, () => {
      const [tokens, hidden, vocabulary] = shape;
      const labels = labelsOf(tokens, vocabulary);
      const inputs = () => ({
        x: randomTensor<tf.Rank.R2>([tokens, hidden], 2),
        weight: randomTensor<tf.Rank.R2>([vocabulary, hidden], 3),
      });
      return expectReference(TOLERANCES.fp32, () => ({
        ...withGradients(
          inputs(),
          ({ x, weight }) => trainableLinearCrossEntropy(x, weight, labels, true),
          () => tf.scalar(0.3),
        ),
        evaluated: trainableLinearCrossEntropy(inputs().x, inputs().weight, labels, false),
      }));
    });
  }

  it('whose weight is trained too makes no numbers of what is none', () =>
    expectNotFinite(
      () => ({
        x: randomTensor<tf.Rank.R2>([5, 20], 2),
        weight: randomTensor<tf.Rank.R2>([40, 20], 3),
      }),
      (inputs) =>
        withGradients(inputs, ({ x, weight }) =>
          trainableLinearCrossEntropy(x, weight, labelsOf(5, 40), true),
        ),
    ));

  it('leaves no tensor behind but the loss', () =>
    onEachIsa(() => {
      const weight = weightOf('f32', [3, 5, 7], 'fp32');
      const x = randomTensor([3, 5], 2);
      const before = tf.memory().numTensors;
      const loss = lossOf(x, weight);
      expect(tf.memory().numTensors - before).to.equal(1);
      tf.dispose([x, loss]);
    }));

  it('is the same without gradients', () => {
    const weight = weightOf('bf16', SHAPES[3], 'fp32');
    return expectReference(1e-6, () => {
      const x = randomTensor<tf.Rank.R2>([TOKENS, HIDDEN], 2);
      return { loss: linearCrossEntropy(x, weight, null, labelsOf(TOKENS, VOCABULARY), false) };
    });
  });

  it('of logits far apart', () => {
    const weight = weightOf('f32', SHAPES[3], 'fp32');
    return expectReference(1e-5, () =>
      withGradients({ x: tf.mul(randomTensor([TOKENS, HIDDEN], 2), 500) }, ({ x }) => lossOf(x, weight)),
    );
  });

  it('has the gradient that finite differences show', () =>
    onEachIsa(() => {
      const weight = weightOf('f32', [3, 5, 7], 'fp32');
      tf.tidy(() => checkGradient((x) => lossOf(x, weight), [randomTensor([3, 5], 2)]));
    }));

  it('makes no numbers of what is none', async () => {
    for (const compute of ['fp32', 'bf16', 'int8'] as const) {
      const weight = weightOf('int8', [5, 20, 40], compute);
      await expectNotFinite(
        () => ({ x: randomTensor([5, 20], 2) }),
        (inputs) => withGradients(inputs, ({ x }) => lossOf(x, weight)),
      );
    }
  });

  it('is the same in pieces of any size, the gradient of the weight too', () =>
    onEachIsa((isa) => {
      const [tokens, hidden, vocabulary] = SHAPES[4];
      const [x, w] = [2, 3].map((seed) => new Random(seed).uniform(tokens * vocabulary, -1, 1));
      const bytes = new Uint8Array(w.buffer, 0, vocabulary * hidden * 4);
      const weight = addon.makeWeight(0, vocabulary, hidden, bytes, null, null, null, null, 0);
      const inPieces = (pieceBytes: number) => {
        const dx = new Float32Array(tokens * hidden);
        const dw = new Float32Array(vocabulary * hidden);
        const each = new Float32Array(tokens);
        const labels = labelsOf(tokens, vocabulary);
        const loss = addon.linearCrossEntropy(x, tokens, weight, 0, null, labels, dx, dw, each, pieceBytes);
        expect(each.reduce((sum, one) => sum + one, 0)).to.be.closeTo(loss, 1e-5 * loss);
        return { loss, dx, dw };
      };
      const whole = inPieces(2 ** 26);
      // Few rows have a kernel of their own, which sums up in another order.
      for (const rows of [1, 30, 33, 99]) {
        const { loss, dx, dw } = inPieces(rows * vocabulary * 4);
        expect(loss, isa).to.be.closeTo(whole.loss, 1e-6 * whole.loss);
        expect(relativeError(dx, whole.dx), isa).to.be.at.most(1e-6);
        expect(relativeError(dw, whole.dw), isa).to.be.at.most(1e-6);
      }
    }));
});
