import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { crossEntropy } from '../../../core/ops/cross-entropy.js';
import { forEachBackend } from '../../support/backends.js';
import { checkGradient, expectClose, randomTensor } from '../../support/numbers.js';

/** The summed loss and its gradient, row by row. */
function reference(logits: readonly number[][], labels: ArrayLike<number>) {
  let loss = 0;
  const gradient = logits.flatMap((row, t) => {
    const total = row.reduce((sum, logit) => sum + Math.exp(logit), 0);
    loss += Math.log(total) - row[labels[t]];
    return row.map((logit, id) => Math.exp(logit) / total - Number(id === labels[t]));
  });
  return { loss, gradient };
}

describe('crossEntropy', () => {
  forEachBackend(() => {
    for (const [vocabulary, labels] of [
      [2, [1]],
      [7, [6]],
      [33, [0, 32, 5, 5]],
    ] as [number, number[]][]) {
      it(`is the summed loss of ${labels.length} tokens of ${vocabulary}, with its gradient`, () => {
        tf.tidy(() => {
          const logits = tf.mul(randomTensor([labels.length, vocabulary], 1), 3) as tf.Tensor2D;
          const f = (input: tf.Tensor) => crossEntropy(input as tf.Tensor2D, Int32Array.from(labels));
          const { loss, gradient } = reference(logits.arraySync(), labels);
          expectClose(f(logits).dataSync(), [loss], 1e-5, 'loss');
          // The trainer divides the loss, so the gradient must scale with what comes down to it.
          const scaled = tf.grad((input) => tf.mul(f(input), 0.25))(logits);
          expectClose(
            scaled.dataSync(),
            gradient.map((value) => value / 4),
            1e-5,
            'gradient',
          );
          checkGradient(f, [logits]);
        });
      });
    }

    it('neither overflows nor underflows', () => {
      tf.tidy(() => {
        const logits = tf.tensor2d([[10_000, 0, -10_000]]);
        expectClose(crossEntropy(logits, Int32Array.of(0)).dataSync(), [0], 1e-6);
        expectClose(crossEntropy(logits, Int32Array.of(2)).dataSync(), [20_000], 1e-6);
      });
    });

    for (const label of [-100, -1, 3]) {
      it(`refuses the label ${label} of a vocabulary of 3`, () => {
        tf.tidy(() => {
          const logits = tf.zeros<tf.Rank.R2>([2, 3]);
          expect(() => crossEntropy(logits, Int32Array.of(1, label))).to.throw(
            RangeError,
            `label ${label} is outside the vocabulary of 3`,
          );
        });
      });
    }
  });
});
