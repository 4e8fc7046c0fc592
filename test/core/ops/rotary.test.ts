import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import {
  rotary,
  rotaryAngles,
  rotaryFrequencies,
  twoDimensionalRotaryAngles,
} from '../../../core/ops/rotary.js';
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

    it('refuses angles of another number of tokens, or for heads of another size', () => {
      tf.tidy(() => {
        expect(() => turn(randomTensor([3, 2, 6], 1), [0, 1])).to.throw(
          RangeError,
          'angles [2,3] do not fit',
        );
        const angles = rotaryAngles(Int32Array.of(0, 1), rotaryFrequencies(4, THETA));
        expect(() => rotary(randomTensor([2, 2, 6], 1), angles)).to.throw(
          RangeError,
          'angles [2,2] do not fit',
        );
      });
    });

    describe('interleaved', () => {
      const POSITIONS = Int32Array.of(5, 0, 3);
      const turnPairs = (x: tf.Tensor, frequencies: Float64Array) =>
        rotary(x as tf.Tensor3D, rotaryAngles(POSITIONS, frequencies), 'interleaved');

      it('turns neighbours as the half form turns elements half a head apart', () => {
        tf.tidy(() => {
          const x = randomTensor<tf.Rank.R3>([3, 2, 8], 1);
          const apart = tf.reshape(tf.transpose(tf.reshape(x, [3, 2, 4, 2]), [0, 1, 3, 2]), [3, 2, 8]);
          const turned = reference(apart.dataSync(), POSITIONS, 2, 8);
          const back = tf.transpose(tf.tensor4d([...turned], [3, 2, 2, 4]), [0, 1, 3, 2]);
          expectClose(turnPairs(x, rotaryFrequencies(8, THETA)).dataSync(), back.dataSync(), 1e-5);
        });
      });

      it('leaves pairs whose frequency is 0 as they are', () => {
        tf.tidy(() => {
          const x = randomTensor<tf.Rank.R3>([3, 2, 8], 1);
          const y = turnPairs(x, Float64Array.of(1, 0.1, 0, 0));
          const rest = (tensor: tf.Tensor3D) => tf.slice(tensor, [0, 0, 4], [3, 2, 4]).dataSync();
          expect(rest(y)).to.deep.equal(rest(x));
          expect(y.dataSync()).not.to.deep.equal(x.dataSync());
        });
      });

      it('has the gradient of x', () => {
        tf.tidy(() =>
          checkGradient((x) => turnPairs(x, Float64Array.of(1, 0.1, 0)), [randomTensor([3, 2, 6], 1)]),
        );
      });
    });

    describe('in two dimensions', () => {
      const turn2 = (x: tf.Tensor, first: number[], second: number[]) => {
        const frequencies = rotaryFrequencies((x.shape[2] as number) / 2, THETA);
        const positions = [first, second].map((list) => Int32Array.from(list));
        const angles = twoDimensionalRotaryAngles(positions[0], positions[1], frequencies);
        return rotary(x as tf.Tensor3D, angles, 'twoDimensional');
      };
      const FIRST = [5, 0, 3];
      const SECOND = [0, 7, 2];

      it('turns each half of a head as a head of its own, by positions of its own', () => {
        tf.tidy(() => {
          const x = randomTensor<tf.Rank.R3>([3, 2, 12], 1);
          const y = turn2(x, FIRST, SECOND);
          for (const [i, positions] of [FIRST, SECOND].entries()) {
            const half = (tensor: tf.Tensor3D) => tf.slice(tensor, [0, 0, 6 * i], [3, 2, 6]).dataSync();
            expectClose(half(y), reference(half(x), positions, 2, 6), 1e-5);
          }
        });
      });

      it('has the gradient of x', () => {
        tf.tidy(() => checkGradient((x) => turn2(x, FIRST, SECOND), [randomTensor([3, 2, 8], 1)]));
      });

      it('refuses heads that do not divide by four, and positions of unlike number', () => {
        tf.tidy(() => {
          const angles = rotaryAngles(Int32Array.of(0, 1), rotaryFrequencies(6, THETA));
          const x = randomTensor<tf.Rank.R3>([2, 1, 6], 1);
          expect(() => rotary(x, angles, 'twoDimensional')).to.throw(RangeError, 'a head of 6');
          expect(() => turn2(x, [0, 1], [0])).to.throw(RangeError, '2 first positions do not fit 1');
        });
      });
    });
  });
});
