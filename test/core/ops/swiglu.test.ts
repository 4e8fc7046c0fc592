import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { swiglu } from '../../../core/ops/swiglu.js';
import { forEachBackend } from '../../support/backends.js';
import { checkGradient, expectClose, randomTensor } from '../../support/numbers.js';

describe('swiglu', () => {
  forEachBackend(() => {
    for (const shape of [
      [1, 1],
      [1, 11],
      [6, 16],
    ] as [number, number][]) {
      it(`gates [${shape}]`, () => {
        tf.tidy(() => {
          const gate = tf.mul(randomTensor<tf.Rank.R2>(shape, 1), 6) as tf.Tensor2D;
          const up = randomTensor<tf.Rank.R2>(shape, 2);
          const ups = up.dataSync();
          const expected = Array.from(gate.dataSync(), (g, i) => (g / (1 + Math.exp(-g))) * ups[i]);
          expectClose(swiglu(gate, up).dataSync(), expected, 1e-5);
        });
      });
    }

    it('saturates without overflow', () => {
      tf.tidy(() => {
        const y = swiglu(tf.tensor2d([[-1000, 0, 1000]]), tf.tensor2d([[2, 2, 2]]));
        expectClose(y.dataSync(), [0, 0, 2000], 1e-6);
      });
    });

    it('has the gradients of gate and up', () => {
      tf.tidy(() => {
        checkGradient(
          (gate, up) => swiglu(gate as tf.Tensor2D, up as tf.Tensor2D),
          [tf.mul(randomTensor([3, 5], 1), 3), randomTensor([3, 5], 2)],
        );
      });
    });

    it('refuses shapes that do not match', () => {
      tf.tidy(() => {
        expect(() => swiglu(tf.ones<tf.Rank.R2>([2, 3]), tf.ones<tf.Rank.R2>([2, 4]))).to.throw();
      });
    });
  });
});
