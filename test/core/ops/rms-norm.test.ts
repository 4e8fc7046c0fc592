import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { rmsNorm } from '../../../core/ops/rms-norm.js';
import { forEachBackend } from '../../support/backends.js';
import { checkGradient, expectClose, randomTensor } from '../../support/numbers.js';

function reference(x: ArrayLike<number>, weight: ArrayLike<number>, epsilon: number): number[] {
  const hidden = weight.length;
  return Array.from(x, (value, at) => {
    const start = at - (at % hidden);
    let squares = 0;
    for (let i = start; i < start + hidden; i++) squares += x[i] ** 2;
    return (value / Math.sqrt(squares / hidden + epsilon)) * weight[at % hidden];
  });
}

describe('rmsNorm', () => {
  forEachBackend(() => {
    for (const [tokens, hidden] of [
      [1, 1],
      [1, 7],
      [5, 16],
      [4, 33],
    ] as [number, number][]) {
      it(`normalizes the rows of [${tokens}, ${hidden}]`, () => {
        tf.tidy(() => {
          const x = randomTensor<tf.Rank.R2>([tokens, hidden], 1);
          const weight = randomTensor<tf.Rank.R1>([hidden], 2);
          // An epsilon large enough that leaving it out, or out of the root, is seen.
          const expected = reference(x.dataSync(), weight.dataSync(), 0.3);
          expectClose(rmsNorm(x, weight, 0.3).dataSync(), expected, 1e-5);
        });
      });
    }

    it('has the gradients of x and weight', () => {
      tf.tidy(() => {
        checkGradient(
          (x, weight) => rmsNorm(x as tf.Tensor2D, weight as tf.Tensor1D, 1e-5),
          [randomTensor([3, 7], 1), randomTensor([7], 2)],
        );
      });
    });

    it('keeps a row of zeros at 0', () => {
      tf.tidy(() => {
        const y = rmsNorm(tf.zeros<tf.Rank.R2>([1, 3]), tf.ones<tf.Rank.R1>([3]), 1e-6);
        expect([...y.dataSync()]).to.deep.equal([0, 0, 0]);
      });
    });

    it('refuses a weight of another width', () => {
      tf.tidy(() => {
        const [x, weight] = [tf.ones<tf.Rank.R2>([2, 4]), tf.ones<tf.Rank.R1>([3])];
        expect(() => rmsNorm(x, weight, 1e-6)).to.throw();
      });
    });
  });
});
