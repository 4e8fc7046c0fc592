import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { globalNorm } from '../../../core/ops/global-norm.js';
import { forEachBackend } from '../../support/backends.js';
import { expectClose, randomTensor } from '../../support/numbers.js';

describe('globalNorm', () => {
  forEachBackend(() => {
    it('is the length of all elements together', () => {
      tf.tidy(() => {
        expect(globalNorm([tf.tensor([3]), tf.tensor([[0], [4]])]).dataSync()[0]).to.equal(5);
        const tensors = [randomTensor([5, 7], 1), randomTensor([1], 2), randomTensor([2, 3, 3], 3)];
        const all = tensors.flatMap((tensor) => [...tensor.dataSync()]);
        const expected = Math.sqrt(all.reduce((sum, value) => sum + value * value, 0));
        expectClose(globalNorm(tensors).dataSync(), [expected], 1e-6);
      });
    });

    it('is 0 of zeros, and no number where an element is none', () => {
      tf.tidy(() => {
        expect(globalNorm([tf.zeros([3])]).dataSync()[0]).to.equal(0);
        expect(globalNorm([tf.ones([3]), tf.tensor([Number.NaN])]).dataSync()[0]).to.be.NaN;
      });
    });

    it('makes one tensor', () => {
      tf.tidy(() => {
        const tensors = [randomTensor([5], 1), randomTensor([4], 2)];
        const count = tf.memory().numTensors;
        globalNorm(tensors);
        expect(tf.memory().numTensors - count).to.equal(1);
      });
    });

    it('refuses nothing at all', () => {
      expect(() => globalNorm([])).to.throw(RangeError, 'no tensor');
    });
  });
});
