import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { encodeFloats } from '../../../core/base/floats.js';
import { Random } from '../../../core/base/random.js';
import { dropoutMask } from '../../../core/ops/dropout.js';
import { DenseWeight, toFloat32 } from '../../../core/ops/frozen-weight.js';
import { linear } from '../../../core/ops/linear.js';
import { loraLinear } from '../../../core/ops/lora-linear.js';
import { forEachBackend } from '../../support/backends.js';
import { checkGradient, expectClose, randomTensor } from '../../support/numbers.js';

/** `[tokens, in, out, r]` */
const SHAPES = [
  [1, 1, 1, 1],
  [1, 6, 5, 2],
  [9, 7, 16, 3],
] as const;

function makeWeight(out: number, width: number): DenseWeight {
  return new DenseWeight(
    [out, width],
    'bf16',
    encodeFloats('bf16', new Random(1).uniform(out * width, -1, 1)),
  );
}

function makeInputs(tokens: number, width: number, out: number, r: number) {
  return {
    x: randomTensor<tf.Rank.R2>([tokens, width], 2),
    a: randomTensor<tf.Rank.R2>([r, width], 3),
    b: randomTensor<tf.Rank.R2>([out, r], 4),
    bias: randomTensor<tf.Rank.R1>([out], 5),
  };
}

describe('loraLinear', () => {
  forEachBackend(() => {
    for (const [tokens, width, out, r] of SHAPES) {
      for (const rate of [0, 0.4]) {
        it(`adds a branch of rank ${r} to [${tokens}, ${width}] -> ${out}, dropout ${rate}`, () => {
          const weight = makeWeight(out, width);
          tf.tidy(() => {
            const { x, a, b, bias } = makeInputs(tokens, width, out, r);
            const branch = { a, b, scaling: 2.5, dropout: rate, seed: 11 };
            const [xs, as, bs, biases] = [x, a, b, bias].map((tensor) => tensor.dataSync());
            const ws = toFloat32(weight);
            const mask = dropoutMask(xs.length, rate, 11);
            const expected = new Float64Array(tokens * out);
            for (let t = 0; t < tokens; t++) {
              for (let o = 0; o < out; o++) {
                let y = biases[o];
                for (let i = 0; i < width; i++) {
                  const at = t * width + i;
                  y += xs[at] * ws[o * width + i];
                  for (let k = 0; k < r; k++)
                    y += 2.5 * xs[at] * mask[at] * as[k * width + i] * bs[o * r + k];
                }
                expected[t * out + o] = y;
              }
            }
            expectClose(loraLinear(x, weight, bias, branch).dataSync(), expected, 1e-5);
          });
        });
      }
    }

    for (const rate of [0, 0.3]) {
      it(`has the gradients of x, a and b, dropout ${rate}`, () => {
        const weight = makeWeight(4, 6);
        tf.tidy(() => {
          const { x, a, b, bias } = makeInputs(5, 6, 4, 2);
          const f = (...[x, a, b]: tf.Tensor[]) =>
            loraLinear(x as tf.Tensor2D, weight, bias, {
              a: a as tf.Tensor2D,
              b: b as tf.Tensor2D,
              scaling: 0.5,
              dropout: rate,
              seed: 3,
            });
          checkGradient(f, [x, a, b]);
        });
      });
    }

    it('is the frozen layer alone while b is 0, as where training starts', () => {
      const weight = makeWeight(4, 6);
      tf.tidy(() => {
        const { x, a, bias } = makeInputs(5, 6, 4, 2);
        const branch = { a, b: tf.zeros<tf.Rank.R2>([4, 2]), scaling: 2, dropout: 0.5, seed: 3 };
        const y = loraLinear(x, weight, bias, branch).dataSync();
        expect(y).to.deep.equal(linear(x, weight, bias).dataSync());
      });
    });

    it('refuses an x of another width than the weight', () => {
      tf.tidy(() => {
        const { x, a, b } = makeInputs(2, 5, 4, 2);
        const branch = { a, b, scaling: 1, dropout: 0, seed: 0 };
        expect(() => loraLinear(x, makeWeight(4, 6), null, branch)).to.throw('does not fit a weight [4,6]');
      });
    });
  });
});
