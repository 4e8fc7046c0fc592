import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { selectRows } from '../../../core/ops/select-rows.js';
import { forEachBackend } from '../../support/backends.js';
import { checkGradient, expectClose, randomTensor } from '../../support/numbers.js';

describe('selectRows', () => {
  forEachBackend(() => {
    for (const [rows, columns, indices] of [
      [1, 1, [0]],
      [5, 3, [4, 0, 2]],
      [6, 7, [1]],
      [4, 3, [2, 0, 2, 2]],
    ] as [number, number, number[]][]) {
      it(`takes the rows ${indices} of [${rows}, ${columns}], and adds the gradient up where it comes from`, () => {
        tf.tidy(() => {
          const x = randomTensor<tf.Rank.R2>([rows, columns], 1);
          const f = (input: tf.Tensor) => selectRows(input as tf.Tensor2D, Int32Array.from(indices));
          const all = x.arraySync();
          expect(f(x).arraySync()).to.deep.equal(indices.map((index) => all[index]));

          const dy = randomTensor<tf.Rank.R2>([indices.length, columns], 2);
          const expected = Array.from({ length: rows }, () => new Array<number>(columns).fill(0));
          for (const [i, row] of dy.arraySync().entries()) {
            for (const [j, number] of row.entries()) expected[indices[i]][j] += number;
          }
          expectClose(tf.grad(f)(x, dy).dataSync(), expected.flat(), 1e-6);
          checkGradient(f, [x]);
        });
      });
    }

    for (const index of [-1, 2]) {
      it(`refuses the index ${index} of two rows`, () => {
        tf.tidy(() => {
          const x = randomTensor<tf.Rank.R2>([2, 3], 1);
          expect(() => selectRows(x, Int32Array.of(0, index))).to.throw(RangeError, `row ${index} is not in`);
        });
      });
    }
  });
});
