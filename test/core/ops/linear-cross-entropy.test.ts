import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { encodeFloats } from '../../../core/base/floats.js';
import { Random } from '../../../core/base/random.js';
import { DenseWeight } from '../../../core/ops/frozen-weight.js';
import { linearCrossEntropy } from '../../../core/ops/linear-cross-entropy.js';
import { forEachBackend } from '../../support/backends.js';
import { checkGradient, expectClose, randomTensor } from '../../support/numbers.js';

const VOCABULARY = 7;
const HIDDEN = 5;
const VALUES = new Random(1).uniform(VOCABULARY * HIDDEN, -1, 1);
const WEIGHT = new DenseWeight([VOCABULARY, HIDDEN], 'f32', encodeFloats('f32', VALUES));
const LABELS = Int32Array.of(6, 0, 3);

/** Σ logsumexp(x Wᵀ + b) − (x Wᵀ + b)[label] */
function reference(x: ArrayLike<number>, bias: ArrayLike<number> | null): number {
  let loss = 0;
  for (const [token, label] of LABELS.entries()) {
    const logits = Array.from({ length: VOCABULARY }, (_, id) => {
      let logit = bias?.[id] ?? 0;
      for (let i = 0; i < HIDDEN; i++) logit += x[token * HIDDEN + i] * VALUES[id * HIDDEN + i];
      return logit;
    });
    loss += Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0)) - logits[label];
  }
  return loss;
}

describe('linearCrossEntropy', () => {
  forEachBackend(() => {
    for (const withBias of [false, true]) {
      it(`is the summed loss ${withBias ? 'with' : 'without'} bias, with the gradient of x`, () => {
        tf.tidy(() => {
          const x = randomTensor<tf.Rank.R2>([3, HIDDEN], 2);
          const bias = withBias ? randomTensor<tf.Rank.R1>([VOCABULARY], 3) : null;
          const expected = reference(x.dataSync(), bias?.dataSync() ?? null);
          for (const training of [false, true]) {
            expectClose(linearCrossEntropy(x, WEIGHT, bias, LABELS, training).dataSync(), [expected], 1e-5);
          }
          checkGradient((at) => linearCrossEntropy(at as tf.Tensor2D, WEIGHT, bias, LABELS, true), [x]);
        });
      });
    }

    it('refuses labels outside the vocabulary, and as many as there are no tokens', () => {
      tf.tidy(() => {
        const x = tf.ones<tf.Rank.R2>([3, HIDDEN]);
        const call = (labels: Int32Array) => () => linearCrossEntropy(x, WEIGHT, null, labels, true);
        expect(call(Int32Array.of(0, 7, 1))).to.throw(RangeError, 'label 7 is outside the vocabulary of 7');
        expect(call(Int32Array.of(0, -100, 1))).to.throw(RangeError, 'label -100');
        expect(call(Int32Array.of(0, 1))).to.throw(RangeError, 'x [3,5] does not fit 2 labels');
      });
    });
  });
});
