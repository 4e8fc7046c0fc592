import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { gelu } from '../../../core/ops/gelu.js';
import { forEachBackend } from '../../support/backends.js';
import { checkGradient, expectClose, randomTensor } from '../../support/numbers.js';

const reference = (x: number) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

describe('gelu', () => {
  forEachBackend(() => {
    it('computes each element in the tanh form', () => {
      tf.tidy(() => {
        const x = tf.mul(randomTensor([5, 7], 1), 4);
        expectClose(gelu(x).dataSync(), Array.from(x.dataSync(), reference), 1e-5);
        // torch.nn.functional.gelu(x, approximate='tanh')
        expectClose(gelu(tf.tensor([-1, 0, 0.5, 2])).dataSync(), [-0.158808, 0, 0.345714, 1.954598], 1e-5);
      });
    });

    it('passes large numbers, and stops small ones', () => {
      tf.tidy(() => {
        expect([...gelu(tf.tensor([100, 0])).dataSync()]).to.deep.equal([100, 0]);
        expect(gelu(tf.tensor([-100])).dataSync()[0]).to.be.closeTo(0, 1e-6);
      });
    });

    it('has the gradient of x', () => {
      tf.tidy(() => checkGradient(gelu, [tf.mul(randomTensor([4, 5], 2), 3)]));
    });
  });
});
