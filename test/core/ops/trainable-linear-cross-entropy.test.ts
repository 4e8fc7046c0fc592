import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { crossEntropy } from '../../../core/ops/cross-entropy.js';
import { trainableLinearCrossEntropy } from '../../../core/ops/trainable-linear-cross-entropy.js';
import { forEachBackend } from '../../support/backends.js';
import { checkGradient, expectClose, randomTensor } from '../../support/numbers.js';

const LABELS = Int32Array.of(6, 0, 3);

describe('trainableLinearCrossEntropy', () => {
  forEachBackend(() => {
    it('is the cross-entropy of x Wᵀ, with the gradients of both', () => {
      tf.tidy(() => {
        const x = randomTensor<tf.Rank.R2>([3, 5], 1);
        const weight = randomTensor<tf.Rank.R2>([7, 5], 2);
        const loss = crossEntropy(tf.dot(x, weight.transpose()) as tf.Tensor2D, LABELS).dataSync();
        for (const training of [false, true]) {
          expectClose(trainableLinearCrossEntropy(x, weight, LABELS, training).dataSync(), loss, 1e-5);
        }
        const f = (at: tf.Tensor, w: tf.Tensor) =>
          trainableLinearCrossEntropy(at as tf.Tensor2D, w as tf.Tensor2D, LABELS, true);
        checkGradient(f, [x, weight]);
      });
    });

    it('refuses labels outside the vocabulary, and shapes that do not fit', () => {
      tf.tidy(() => {
        const call = (labels: number[], hidden: number) => () =>
          trainableLinearCrossEntropy(tf.ones([3, 5]), tf.ones([7, hidden]), Int32Array.from(labels), true);
        expect(call([0, 7, 1], 5)).to.throw(RangeError, 'label 7 is outside the vocabulary of 7');
        expect(call([0, 1], 5)).to.throw(RangeError, 'x [3,5] does not fit 2 labels');
        expect(call([0, 1, 2], 4)).to.throw(RangeError, 'a weight [7,4]');
      });
    });
  });
});
