import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { splitColumns } from '../../../core/ops/split-columns.js';
import { forEachBackend } from '../../support/backends.js';
import { checkGradient, randomTensor } from '../../support/numbers.js';

describe('splitColumns', () => {
  forEachBackend(() => {
    for (const widths of [[3], [1, 1], [4, 4, 4], [5, 1, 2]]) {
      it(`cuts a matrix into blocks of [${widths}]`, () => {
        tf.tidy(() => {
          const columns = widths.reduce((sum, width) => sum + width);
          const x = tf.tensor2d(
            Float32Array.from({ length: 2 * columns }, (_, i) => i),
            [2, columns],
          );
          let at = 0;
          for (const [i, part] of splitColumns(x, widths).entries()) {
            const row = Array.from({ length: widths[i] }, (_, j) => at + j);
            expect(part.arraySync()).to.deep.equal([row, row.map((value) => columns + value)]);
            at += widths[i];
          }
        });
      });

      it(`has the gradient of [${widths}]`, () => {
        tf.tidy(() => {
          const columns = widths.reduce((sum, width) => sum + width);
          const weighted = (x: tf.Tensor) =>
            tf.concat(
              splitColumns(x as tf.Tensor2D, widths).map((part, i) => tf.mul(part, i + 1)),
              1,
            );
          checkGradient(weighted, [randomTensor([3, columns], 1)]);
        });
      });
    }

    it('passes a gradient of zero where a part is not used', () => {
      tf.tidy(() => {
        const used = tf.grad((x: tf.Tensor) => tf.sum(splitColumns(x as tf.Tensor2D, [2, 1])[1]));
        expect(used(tf.ones([1, 3])).arraySync()).to.deep.equal([[0, 0, 1]]);
      });
    });

    it('refuses widths that do not fit', () => {
      tf.tidy(() => {
        const x = tf.ones<tf.Rank.R2>([2, 4]);
        for (const widths of [[], [4, 1], [5, -1], [4, 0]]) {
          expect(() => splitColumns(x, widths), `[${widths}]`).to.throw(RangeError, 'splitColumns');
        }
      });
    });
  });
});
