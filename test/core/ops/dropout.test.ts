import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { mix } from '../../../core/base/random.js';
import { dropout } from '../../../core/ops/dropout.js';
import { forEachBackend } from '../../support/backends.js';
import { checkGradient, expectClose, randomTensor } from '../../support/numbers.js';

/** The mask of ones, as it comes out. */
function maskOf(size: number, rate: number, seed: number): Float32Array {
  return tf.tidy(() => dropout(tf.ones([size]), rate, seed).dataSync() as Float32Array);
}

describe('dropout', () => {
  forEachBackend(() => {
    for (const shape of [[1], [3, 5], [2, 3, 7]]) {
      it(`drops and scales [${shape}] by the documented function of seed and index`, () => {
        tf.tidy(() => {
          const x = randomTensor(shape as [number], 1);
          const expected = Array.from(x.dataSync(), (value, i) =>
            mix(7 ^ mix(i)) < 0.3 * 2 ** 32 ? 0 : value / 0.7,
          );
          expectClose(dropout(x, 0.3, 7).dataSync(), expected, 1e-6);
        });
      });
    }

    for (const rate of [0.05, 0.5, 0.9]) {
      it(`drops a share near ${rate} and keeps the expectation`, () => {
        const size = 20_000;
        const mask = maskOf(size, rate, 5);
        // Five standard deviations of a binomial distribution.
        const deviation = 5 * Math.sqrt((rate * (1 - rate)) / size);
        const dropped = mask.filter((value) => value === 0).length / size;
        expect(dropped).to.be.closeTo(rate, deviation);
        const mean = mask.reduce((sum, value) => sum + value, 0) / size;
        expect(mean).to.be.closeTo(1, deviation / (1 - rate));
      });
    }

    it('repeats by seed, and differs between seeds', () => {
      expect(maskOf(200, 0.5, 1)).to.deep.equal(maskOf(200, 0.5, 1));
      const [one, other] = [maskOf(2000, 0.5, 1), maskOf(2000, 0.5, 2)];
      const agreeing = one.filter((value, i) => value === other[i]).length;
      // Neighbouring seeds must be independent: half of the elements agree by chance.
      expect(agreeing / 2000).to.be.closeTo(0.5, 0.06);
    });

    it('has the same mask forward and backward', () => {
      tf.tidy(() => {
        const x = tf.ones([400]);
        const dx = tf.grad((input) => dropout(input, 0.4, 9))(x);
        expect(dx.dataSync()).to.deep.equal(maskOf(400, 0.4, 9));
        checkGradient((input) => dropout(input, 0.4, 9), [randomTensor([3, 11], 1)]);
      });
    });

    it('changes nothing at rate 0', () => {
      tf.tidy(() => {
        const x = randomTensor([5], 1);
        expect(dropout(x, 0, 1).dataSync()).to.deep.equal(x.dataSync());
      });
    });

    it('refuses a rate outside [0, 1)', () => {
      tf.tidy(() => {
        const x = tf.ones([2]);
        for (const rate of [-0.1, 1, 2]) expect(() => dropout(x, rate, 1)).to.throw(RangeError, `${rate}`);
      });
    });
  });
});
