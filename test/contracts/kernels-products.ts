import * as tf from '@tensorflow/tfjs';
import { Random } from '../../core/base/random.js';
import type { ComputeType } from '../../core/ops/frozen-weight.js';
import { linear } from '../../core/ops/linear.js';
import { linearCrossEntropy } from '../../core/ops/linear-cross-entropy.js';
import { loraLinear } from '../../core/ops/lora-linear.js';
import { trainableLinearCrossEntropy } from '../../core/ops/trainable-linear-cross-entropy.js';
import { withGradients } from '../support/native.js';
import { randomTensor } from '../support/numbers.js';
import { int8Steps, makeWeight, STORAGES, stepsTensor } from '../support/weights.js';
import type { KernelHost } from './kernel-host.js';

/** `[tokens, in, out]`: one, few rows and more, around a tile of each kernel, and with a sum in parts. */
const SHAPES: [number, number, number][] = [
  [0, 5, 3],
  [1, 1, 1],
  [8, 33, 65],
  [9, 17, 31],
  [70, 40, 130],
  [129, 64, 64],
  [12, 2100, 20],
  [3, 128, 70],
  [32, 640, 33],
  [33, 192, 160],
  [300, 72, 140],
];
/** Sums of a few thousand products, in another order. */
const EXACT = 3e-6;
/** A number that is rounded to bf16 is off by up to 2⁻⁹ of itself. */
const BF16 = 6e-3;

type Inputs = Record<string, tf.Tensor>;

export function describeProductKernels(host: KernelHost): void {
  host.describe(`${host.title} products`, () => {
    for (const [tokens, width, out] of SHAPES) {
      for (const compute of ['fp32', 'bf16'] as ComputeType[]) {
        it(`of [${tokens}, ${width}] and a weight [${out}, ${width}] in ${compute}, exactly where numbers are whole`, () => {
          const weight = makeWeight('int8', [out, width], int8Steps(out, width, 1, 1 / 128), compute);
          const bias = tf.tidy(() => tf.keep(randomTensor([out], 3)));
          const dy = (y: tf.Tensor) => stepsTensor(y.shape[0], y.shape[1] as number, 4);
          return host
            .hold(EXACT, () =>
              withGradients(
                { x: stepsTensor(tokens, width, 2) },
                ({ x }) => linear(x as tf.Tensor2D, weight, bias as tf.Tensor1D),
                dy,
              ),
            )
            .finally(() => bias.dispose());
        });
      }
    }

    for (const storage of STORAGES) {
      // Of few rows, of more, and of so many that the weight is decoded before.
      for (const tokens of [3, 13, 40]) {
        it(`of ${tokens} rows and a weight in ${storage}`, () =>
          host.hold(storage === 'f32' || storage === 'f16' ? EXACT : BF16, () => {
            const weight = makeWeight(storage, [65, 640], new Random(1).uniform(65 * 640, -1, 1));
            return withGradients({ x: randomTensor([tokens, 640], 2) }, ({ x }) =>
              linear(x as tf.Tensor2D, weight),
            );
          }));
      }
    }

    for (const rate of [0, 0.4]) {
      for (const [compute, tolerance] of [
        ['fp32', EXACT],
        ['bf16', 2 * BF16],
      ] as const) {
        it(`with a low-rank branch, dropout ${rate}, in ${compute}`, () =>
          host.hold(tolerance, () => {
            const weight = makeWeight('f32', [40, 33], new Random(1).uniform(40 * 33, -1, 1), compute);
            const inputs = {
              x: randomTensor([19, 33], 2),
              a: randomTensor([4, 33], 3),
              b: randomTensor([40, 4], 4),
            };
            return withGradients(inputs, ({ x, a, b }: Inputs) =>
              loraLinear(x as tf.Tensor2D, weight, null, {
                a: a as tf.Tensor2D,
                b: b as tf.Tensor2D,
                scaling: 2,
                dropout: rate,
                seed: 9,
              }),
            );
          }));
      }
    }

    it('of two tensors, transposed and in batches', () =>
      host.hold(EXACT, () => {
        const [a, b] = [randomTensor([3, 5, 7], 1), randomTensor([3, 7, 70], 2)];
        const turned = (x: tf.Tensor) => tf.transpose(x, [0, 2, 1]);
        return {
          plain: tf.matMul(a, b),
          a: tf.matMul(turned(a), b, true),
          b: tf.matMul(a, turned(b), false, true),
          both: tf.matMul(turned(a), turned(b), true, true),
        };
      }));

    it('of the output layer, with the cross-entropy', () =>
      host.hold(EXACT, () => {
        const weight = makeWeight('f32', [300, 33], new Random(1).uniform(300 * 33, -1, 1));
        const labels = Int32Array.from({ length: 9 }, (_, i) => (i * 77) % 300);
        const of = (x: tf.Tensor, training: boolean) =>
          linearCrossEntropy(x as tf.Tensor2D, weight, null, labels, training);
        const x = randomTensor([9, 33], 2);
        return {
          ...withGradients(
            { x },
            ({ x }) => of(x, true),
            (y) => tf.onesLike(y),
          ),
          evaluation: of(x, false),
        };
      }));

    it('of a trainable output layer', () =>
      host.hold(EXACT, () => {
        const labels = Int32Array.of(3, 0, 66);
        const inputs = { x: randomTensor([3, 9], 1), weight: randomTensor([67, 9], 2) };
        return withGradients(
          inputs,
          ({ x, weight }: Inputs) =>
            trainableLinearCrossEntropy(x as tf.Tensor2D, weight as tf.Tensor2D, labels, true),
          (y) => tf.onesLike(y),
        );
      }));
  });
}
