import * as tf from '@tensorflow/tfjs';
import { Random } from '../../core/base/random.js';
import { adamw } from '../../core/ops/adamw.js';
import { addBias } from '../../core/ops/add-bias.js';
import { dropout } from '../../core/ops/dropout.js';
import { embedding } from '../../core/ops/embedding.js';
import { gelu } from '../../core/ops/gelu.js';
import { globalNorm } from '../../core/ops/global-norm.js';
import { layerNorm } from '../../core/ops/layer-norm.js';
import { logProbabilities } from '../../core/ops/log-probabilities.js';
import { rmsNorm } from '../../core/ops/rms-norm.js';
import { rotary, rotaryAngles } from '../../core/ops/rotary.js';
import { selectRows } from '../../core/ops/select-rows.js';
import { splitColumns } from '../../core/ops/split-columns.js';
import { swiglu } from '../../core/ops/swiglu.js';
import { withGradients } from '../support/native.js';
import { randomTensor } from '../support/numbers.js';
import { makeWeight, STORAGES } from '../support/weights.js';
import type { KernelHost } from './kernel-host.js';

/** `[rows, columns]`: none, one, less and more than a warp, more than a block. */
const SHAPES: [number, number][] = [
  [0, 5],
  [1, 1],
  [5, 17],
  [65, 33],
  [3, 576],
  [2, 4200],
];
const TOLERANCE = 3e-6;
type Inputs = Record<string, tf.Tensor>;

export function describeRowKernels(host: KernelHost): void {
  host.describe(`${host.title} kernels of rows`, () => {
    for (const shape of SHAPES) {
      const [, columns] = shape;
      const x = () => tf.add(randomTensor(shape, 1), 0.5);
      const vector = (seed: number) => randomTensor([columns], seed);

      if (columns > 1) {
        it(`RMS norm of [${shape}]`, () =>
          host.hold(TOLERANCE, () =>
            withGradients({ x: x(), weight: vector(2) }, ({ x, weight }: Inputs) =>
              rmsNorm(x as tf.Tensor2D, weight as tf.Tensor1D, 1e-5),
            ),
          ));

        it(`layer norm of [${shape}]`, () =>
          host.hold(TOLERANCE, () =>
            withGradients({ x: x(), weight: vector(2), bias: vector(3) }, ({ x, weight, bias }: Inputs) =>
              layerNorm(x as tf.Tensor2D, weight as tf.Tensor1D, bias as tf.Tensor1D, 1e-5),
            ),
          ));
      }

      it(`gates of [${shape}]`, () =>
        host.hold(TOLERANCE, () => ({
          ...withGradients({ gate: x(), up: randomTensor(shape, 2) }, ({ gate, up }: Inputs) =>
            swiglu(gate as tf.Tensor2D, up as tf.Tensor2D),
          ),
          gelu: gelu(x()),
          ...withGradients({ z: x() }, ({ z }) => gelu(z)),
        })));

      it(`dropout of [${shape}], to the bit`, () =>
        host.hold(0, () => withGradients({ x: x() }, ({ x }) => dropout(x, 0.3, 0xfedcba98))));

      it(`bias of [${shape}]`, () =>
        host.hold(TOLERANCE, () =>
          withGradients({ x: x(), bias: vector(2) }, ({ x, bias }: Inputs) =>
            addBias(x as tf.Tensor2D, bias as tf.Tensor1D),
          ),
        ));
    }

    for (const storage of STORAGES) {
      it(`embedding in ${storage}, to the bit`, () =>
        host.hold(0, () => {
          const weight = makeWeight(storage, [23, 33], new Random(1).uniform(23 * 33, -1, 1));
          const ids = Int32Array.from({ length: 40 }, (_, i) => (i * 5) % 23);
          return { rows: embedding(ids, weight), none: embedding(new Int32Array(0), weight) };
        }));
    }

    it('selected rows, and their gradient', () =>
      host.hold(0, () =>
        withGradients({ x: randomTensor([5, 7], 1) }, ({ x }) =>
          selectRows(x as tf.Tensor2D, Int32Array.of(2, 2, 0, 2)),
        ),
      ));

    it('split columns', () =>
      host.hold(0, () =>
        withGradients({ x: randomTensor([3, 41], 1) }, ({ x }) =>
          tf.concat(
            splitColumns(x as tf.Tensor2D, [7, 1, 33]).map((part, i) => tf.mul(part, i + 2)),
            1,
          ),
        ),
      ));

    for (const form of ['half', 'interleaved'] as const) {
      it(`rotary embedding, ${form}`, () =>
        host.hold(TOLERANCE, () => {
          const angles = rotaryAngles(Int32Array.of(0, 3, 1), Float64Array.of(1, 0.7, 0.1, 0.01));
          return withGradients({ x: randomTensor([3, 2, 8], 1) }, ({ x }) =>
            rotary(x as tf.Tensor3D, angles, form),
          );
        }));
    }

    it('log-probabilities', () =>
      host.hold(TOLERANCE, () =>
        withGradients({ logits: tf.mul(randomTensor([5, 300], 1), 9) }, ({ logits }) =>
          logProbabilities(logits as tf.Tensor2D, Int32Array.of(0, 299, 7, 8, 250)),
        ),
      ));

    it('AdamW, and the norm of gradients', () =>
      host.hold(TOLERANCE, () => {
        const [a, b] = [randomTensor([5, 3], 1), randomTensor([700], 2)];
        const states = [a, b].map((x) => ({ mean: tf.mul(x, 0.1), square: tf.square(x) }));
        const options = { learningRate: 1e-2, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 };
        const { values, states: next } = adamw([a, b], [b.slice(0, 15).reshape([5, 3]), b], states, {
          ...options,
          step: 3,
          gradientScale: 0.5,
        });
        return { a: values[0], b: values[1], mean: next[1].mean, norm: globalNorm([a, b]) };
      }));
  });
}
