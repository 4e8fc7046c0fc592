import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { type DenseType, encodeFloats } from '../../../core/base/floats.js';
import { Random } from '../../../core/base/random.js';
import { DenseWeight, type FrozenWeight, toFloat32 } from '../../../core/ops/frozen-weight.js';
import { linear } from '../../../core/ops/linear.js';
import { quantizeInt8 } from '../../../plugins/quantizers/int8/int8-weight.js';
import { quantizeNf4 } from '../../../plugins/quantizers/nf4/quantize.js';
import { forEachBackend } from '../../support/backends.js';
import { checkGradient, expectClose, randomTensor } from '../../support/numbers.js';

/** `[tokens, in, out]`, odd ones among them. */
const SHAPES = [
  [1, 1, 1],
  [1, 5, 3],
  [7, 16, 4],
  [3, 4, 17],
] as const;

/** How far a stored number may be from the original: half the distance to its neighbour, with some room. */
const STORAGES = { f32: 0, bf16: 2 ** -8, f16: 2 ** -11, int8: 1 / 250, nf4: 0.16 } as const;
type Storage = keyof typeof STORAGES;

function store(storage: Storage, shape: [number, number], values: Float32Array): FrozenWeight {
  const dense = (type: DenseType) => new DenseWeight(shape, type, encodeFloats(type, values));
  if (storage === 'int8') return quantizeInt8(dense('f32'));
  if (storage === 'nf4') return quantizeNf4(dense('f32'), { doubleQuantization: true });
  return dense(storage);
}

/** What the weight keeps in memory. */
function storedBytes(weight: FrozenWeight): number[] {
  const { bytes, values, codes } = weight as unknown as Record<string, Uint8Array | undefined>;
  return [...(bytes ?? values ?? codes!)];
}

function reference(x: ArrayLike<number>, w: ArrayLike<number>, tokens: number, width: number, out: number) {
  const y = new Float64Array(tokens * out);
  for (let t = 0; t < tokens; t++) {
    for (let o = 0; o < out; o++) {
      for (let i = 0; i < width; i++) y[t * out + o] += x[t * width + i] * w[o * width + i];
    }
  }
  return y;
}

describe('linear', () => {
  forEachBackend(() => {
    for (const storage of Object.keys(STORAGES) as Storage[]) {
      for (const [tokens, width, out] of SHAPES) {
        it(`multiplies [${tokens}, ${width}] with a ${storage} weight [${out}, ${width}]`, () => {
          const numbers = new Random(1).uniform(out * width, -1, 1);
          const weight = store(storage, [out, width], numbers);
          const stored = toFloat32(weight);
          expectClose(stored, numbers, STORAGES[storage], 'stored numbers');
          tf.tidy(() => {
            const x = randomTensor<tf.Rank.R2>([tokens, width], 2);
            const bias = randomTensor<tf.Rank.R1>([out], 3);
            const product = reference(x.dataSync(), stored, tokens, width, out);
            expectClose(linear(x, weight).dataSync(), product, 1e-5, 'without bias');
            const b = bias.dataSync();
            const withBias = product.map((value, at) => value + b[at % out]);
            expectClose(linear(x, weight, bias).dataSync(), withBias, 1e-5, 'with bias');
          });
        });
      }

      it(`sends the gradient through a ${storage} weight to x`, () => {
        const weight = store(storage, [3, 5], new Random(1).uniform(15, -1, 1));
        const before = storedBytes(weight);
        tf.tidy(() => {
          const bias = randomTensor<tf.Rank.R1>([3], 3);
          checkGradient((x) => linear(x as tf.Tensor2D, weight, bias), [randomTensor([4, 5], 2)]);

          const dy = randomTensor<tf.Rank.R2>([4, 3], 4);
          const dx = tf.grad((x) => linear(x as tf.Tensor2D, weight))(randomTensor([4, 5], 2), dy);
          const w = toFloat32(weight);
          const expected = new Float64Array(20);
          for (let t = 0; t < 4; t++) {
            for (let i = 0; i < 5; i++) {
              for (let o = 0; o < 3; o++) expected[t * 5 + i] += dy.dataSync()[t * 3 + o] * w[o * 5 + i];
            }
          }
          expectClose(dx.dataSync(), expected, 1e-5, 'dy W');
        });
        expect(storedBytes(weight)).to.deep.equal(before);
      });
    }

    it('keeps no copy of the weight in fp32 between forward and backward', () => {
      const weight = store('int8', [64, 32], new Random(1).uniform(64 * 32, -1, 1));
      tf.tidy(() => {
        let grown = 0;
        const f = (x: tf.Tensor) => {
          const before = tf.memory().numBytes;
          const y = linear(x as tf.Tensor2D, weight);
          grown = tf.memory().numBytes - before;
          return y;
        };
        tf.grad(f)(randomTensor([1, 32], 2));
        expect(grown, 'bytes held after the forward pass').to.equal(64 * 4);
      });
    });

    it('refuses an x of another width', () => {
      const weight = store('f32', [3, 5], new Float32Array(15));
      tf.tidy(() => {
        const x = randomTensor<tf.Rank.R2>([2, 4], 1);
        expect(() => linear(x, weight)).to.throw(RangeError, 'x [2,4] does not fit a weight [3,5]');
      });
    });
  });
});
