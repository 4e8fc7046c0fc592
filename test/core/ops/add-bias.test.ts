import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { addBias } from '../../../core/ops/add-bias.js';
import { forEachBackend } from '../../support/backends.js';
import { checkGradient, randomTensor } from '../../support/numbers.js';

describe('addBias', () => {
  forEachBackend(() => {
    it('adds a vector to every row', () => {
      tf.tidy(() => {
        const x = tf.tensor2d([
          [1, 2, 3],
          [4, 5, 6],
        ]);
        expect(addBias(x, tf.tensor1d([10, 0, -1])).arraySync()).to.deep.equal([
          [11, 2, 2],
          [14, 5, 5],
        ]);
      });
    });

    it('has the gradients of x and bias', () => {
      tf.tidy(() => {
        checkGradient(
          (x, bias) => addBias(x as tf.Tensor2D, bias as tf.Tensor1D),
          [randomTensor([4, 5], 1), randomTensor([5], 2)],
        );
      });
    });

    it('refuses a bias of another width', () => {
      tf.tidy(() => {
        expect(() => addBias(tf.ones<tf.Rank.R2>([2, 4]), tf.ones<tf.Rank.R1>([1]))).to.throw(
          RangeError,
          'addBias',
        );
      });
    });
  });
});
