import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { layerNorm } from '../../../core/ops/layer-norm.js';
import { forEachBackend } from '../../support/backends.js';
import { checkGradient, expectClose, randomTensor } from '../../support/numbers.js';

function reference(
  x: ArrayLike<number>,
  weight: ArrayLike<number>,
  bias: ArrayLike<number>,
  epsilon: number,
): number[] {
  const hidden = weight.length;
  const rows = Array.from({ length: x.length / hidden }, (_, row) =>
    Array.from({ length: hidden }, (_, i) => x[row * hidden + i]),
  );
  return rows.flatMap((row) => {
    const mean = row.reduce((sum, value) => sum + value, 0) / hidden;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / hidden;
    return row.map((value, i) => ((value - mean) / Math.sqrt(variance + epsilon)) * weight[i] + bias[i]);
  });
}

describe('layerNorm', () => {
  forEachBackend(() => {
    for (const [tokens, hidden] of [
      [1, 1],
      [1, 7],
      [5, 16],
      [4, 33],
    ] as [number, number][]) {
      it(`normalizes the rows of [${tokens}, ${hidden}]`, () => {
        tf.tidy(() => {
          // Far from 0, so that a mean left in is seen.
          const x = tf.add(randomTensor<tf.Rank.R2>([tokens, hidden], 1), 3) as tf.Tensor2D;
          const [weight, bias] = [2, 3].map((seed) => randomTensor<tf.Rank.R1>([hidden], seed));
          // An epsilon large enough that leaving it out, or out of the root, is seen.
          const expected = reference(x.dataSync(), weight.dataSync(), bias.dataSync(), 0.3);
          expectClose(layerNorm(x, weight, bias, 0.3).dataSync(), expected, 1e-5);
        });
      });
    }

    it('has the gradients of x, weight and bias', () => {
      tf.tidy(() => {
        checkGradient(
          (x, weight, bias) => layerNorm(x as tf.Tensor2D, weight as tf.Tensor1D, bias as tf.Tensor1D, 1e-5),
          [randomTensor([3, 7], 1), randomTensor([7], 2), randomTensor([7], 3)],
        );
      });
    });

    it('makes the bias of a row of equal numbers', () => {
      tf.tidy(() => {
        const bias = tf.tensor1d([1, 2, 3]);
        const y = layerNorm(tf.fill([1, 3], 5) as tf.Tensor2D, tf.ones<tf.Rank.R1>([3]), bias, 1e-5);
        expect([...y.dataSync()]).to.deep.equal([1, 2, 3]);
      });
    });

    it('refuses a weight of another width', () => {
      tf.tidy(() => {
        const [x, weight] = [tf.ones<tf.Rank.R2>([2, 4]), tf.ones<tf.Rank.R1>([3])];
        expect(() => layerNorm(x, weight, weight, 1e-6)).to.throw();
      });
    });
  });
});
