import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { rotary, rotaryAngles, rotaryFrequencies } from '../../../core/ops/rotary.js';
import { forEachBackend } from '../../support/backends.js';
import { checkGradient, expectClose, randomTensor } from '../../support/numbers.js';

const THETA = 10_000;

/** Each pair (i, i + headDim/2) as a complex number, turned by position · theta^(−2i/headDim). */
function reference(x: ArrayLike<number>, positions: ArrayLike<number>, heads: number, headDim: number) {
  const half = headDim / 2;
  const y = new Float64Array(x.length);
  for (let t = 0; t < positions.length; t++) {
    for (let head = 0; head < heads; head++) {
      for (let i = 0; i < half; i++) {
        const angle = positions[t] / THETA ** ((2 * i) / headDim);
        const at = (t * heads + head) * headDim + i;
        y[at] = x[at] * Math.cos(angle) - x[at + half] * Math.sin(angle);
        y[at + half] = x[at] * Math.sin(angle) + x[at + half] * Math.cos(angle);
      }
    }
  }
  return y;
}

function turn(x: tf.Tensor, positions: number[]): tf.Tensor {
  const frequencies = rotaryFrequencies(x.shape[2]!, THETA);
  return rotary(x as tf.Tensor3D, rotaryAngles(Int32Array.from(positions), frequencies));
}

describe('rotary', () => {
  forEachBackend(() => {
    for (const [positions, heads, headDim] of [
      [[5], 1, 2],
      [[0, 1, 2, 0, 1], 3, 6],
      [[7, 100, 2047], 2, 16],
    ] as [number[], number, number][]) {
      it(`turns ${heads} heads of ${headDim} at the positions ${positions}`, () => {
        tf.tidy(() => {
          const x = randomTensor<tf.Rank.R3>([positions.length, heads, headDim], 1);
          expectClose(
            turn(x, positions).dataSync(),
            reference(x.dataSync(), positions, heads, headDim),
            1e-5,
          );
        });
      });
    }

    it('changes nothing at position 0', () => {
      tf.tidy(() => {
        const x = randomTensor([2, 3, 6], 1);
        expect(turn(x, [0, 0]).dataSync()).to.deep.equal(x.dataSync());
      });
    });

    it('makes a product of two tokens depend on their distance alone', () => {
      tf.tidy(() => {
        const [q, k] = [randomTensor([1, 1, 10], 1), randomTensor([1, 1, 10], 2)];
        const product = (at: number, other: number) =>
          tf.sum(tf.mul(turn(q, [at]), turn(k, [other]))).dataSync()[0];
        expect(product(12, 9)).to.be.closeTo(product(3, 0), 1e-5);
        expect(product(12, 9)).not.to.be.closeTo(product(12, 7), 1e-3);
      });
    });

    it('has the gradient of x', () => {
      tf.tidy(() => {
        checkGradient((x) => turn(x, [3, 8, 1]), [randomTensor([3, 2, 6], 1)]);
      });
    });

    it('refuses angles of another number of tokens', () => {
      tf.tidy(() => {
        expect(() => turn(randomTensor([3, 2, 6], 1), [0, 1])).to.throw();
      });
    });
  });
});
