import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { crossEntropy } from '../../../core/ops/cross-entropy.js';
import { variableGradients } from '../../../core/ops/gradients.js';
import { logProbabilities } from '../../../core/ops/log-probabilities.js';
import { forEachBackend } from '../../support/backends.js';
import { checkGradient, expectClose, randomTensor } from '../../support/numbers.js';

/** The log-probability of each label, and its gradient by the token's logits. */
function reference(logits: readonly number[][], labels: readonly number[]) {
  return logits.map((row, t) => {
    const total = row.reduce((sum, logit) => sum + Math.exp(logit), 0);
    return {
      value: row[labels[t]] - Math.log(total),
      gradient: row.map((logit, id) => Number(id === labels[t]) - Math.exp(logit) / total),
    };
  });
}

describe('logProbabilities', () => {
  forEachBackend(() => {
    for (const [vocabulary, labels] of [
      [2, [1]],
      [7, [6, 0]],
      [33, [0, 32, 5, 5]],
    ] as [number, number[]][]) {
      it(`is that of each of ${labels.length} tokens of ${vocabulary}, with its gradient`, () => {
        tf.tidy(() => {
          const logits = tf.mul(randomTensor([labels.length, vocabulary], 1), 3) as tf.Tensor2D;
          const f = (input: tf.Tensor) => logProbabilities(input as tf.Tensor2D, Int32Array.from(labels));
          const expected = reference(logits.arraySync(), labels);
          expect(f(logits).shape).to.deep.equal([labels.length]);
          const values = expected.map(({ value }) => value);
          expectClose(f(logits).dataSync(), values, 1e-6, 'values');

          const dy = randomTensor([labels.length], 2);
          const factors = dy.dataSync();
          expectClose(
            tf.grad(f)(logits, dy).dataSync(),
            expected.flatMap(({ gradient }, t) => gradient.map((number) => factors[t] * number)),
            1e-6,
            'gradient',
          );
          checkGradient(f, [logits]);
        });
      });
    }

    it('is the negative of what crossEntropy adds up', () => {
      tf.tidy(() => {
        const logits = tf.mul(randomTensor([5, 11], 3), 4) as tf.Tensor2D;
        const labels = Int32Array.of(10, 0, 3, 3, 7);
        const sum = tf.neg(tf.sum(logProbabilities(logits, labels)));
        expectClose(sum.dataSync(), crossEntropy(logits, labels).dataSync(), 1e-6);
      });
    });

    it('takes for the gradient only what it saved: the model frees its logits before', () => {
      const labels = Int32Array.of(2, 0);
      const weight = tf.tidy(() => tf.variable(randomTensor<tf.Rank.R2>([4, 3], 5)));
      const x = randomTensor<tf.Rank.R2>([2, 4], 6);
      const loss = () => tf.sum(tf.tidy(() => logProbabilities(tf.matMul(x, weight), labels))) as tf.Scalar;
      const before = tf.memory().numTensors;
      const { gradients, ...made } = variableGradients(loss, new Map([['weight', weight]]));
      const gradient = gradients.get('weight') as tf.Tensor;
      const expected = tf.tidy(() => tf.variableGrads(loss, [weight]).grads[weight.name].dataSync());
      expect([...gradient.dataSync()]).to.deep.equal([...expected]);
      tf.dispose([made.loss, gradient]);
      expect(tf.memory().numTensors, 'nothing is left').to.equal(before);
      tf.dispose([weight, x]);
    });

    it('neither overflows nor underflows, and loses no digits where logits are large', () => {
      tf.tidy(() => {
        const logits = tf.tensor2d([
          [10_000, 0, -10_000],
          [10_000, 0, -10_000],
          [20_000, 19_999, Number.NEGATIVE_INFINITY],
        ]);
        const values = logProbabilities(logits, Int32Array.of(0, 2, 1)).dataSync();
        expect([...values.subarray(0, 2)]).to.deep.equal([0, -20_000]);
        expectClose(values.subarray(2), [-1 - Math.log(1 + Math.exp(-1))], 1e-6);
      });
    });

    it('refuses labels that are not as many as the tokens', () => {
      tf.tidy(() => {
        const logits = tf.zeros<tf.Rank.R2>([2, 3]);
        expect(() => logProbabilities(logits, Int32Array.of(1))).to.throw(
          RangeError,
          'logProbabilities: logits [2,3] do not fit 1 labels',
        );
      });
    });

    for (const label of [-100, -1, 3]) {
      it(`refuses the label ${label} of a vocabulary of 3`, () => {
        tf.tidy(() => {
          const logits = tf.zeros<tf.Rank.R2>([2, 3]);
          expect(() => logProbabilities(logits, Int32Array.of(1, label))).to.throw(
            RangeError,
            `logProbabilities: label ${label} is outside the vocabulary of 3`,
          );
        });
      });
    }
  });
});
