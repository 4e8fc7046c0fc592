import * as tf from '@tensorflow/tfjs';
import { Random } from '../../../../../core/base/random.js';
import { embedding } from '../../../../../core/ops/embedding.js';
import { selectRows } from '../../../../../core/ops/select-rows.js';
import {
  describeNative,
  expectNotFinite,
  expectReference,
  withGradients,
} from '../../../../support/native.js';
import { randomTensor } from '../../../../support/numbers.js';
import { makeWeight, STORAGES } from '../../../../support/weights.js';

describeNative('native embedding', () => {
  for (const storage of STORAGES) {
    for (const columns of [1, 7, 16, 33, 300]) {
      it(`of ${columns} columns in ${storage}`, () =>
        expectReference(0, () => {
          const weight = makeWeight(storage, [23, columns], new Random(1).uniform(23 * columns, -1, 1));
          const ids = Int32Array.from({ length: 40 }, (_, i) => (i * 5) % 23);
          return { rows: embedding(ids, weight), none: embedding(new Int32Array(0), weight) };
        }));
    }
  }

  for (const storage of ['f32', 'bf16', 'f16'] as const) {
    it(`of ${storage} keeps what is no number, and every subnormal one`, () =>
      expectReference(0, () => {
        const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
        const values = Float32Array.of(infinity, -infinity, 6e-8, -6e-8, 2 ** -14, 65504, -0, 1e-40);
        const weight = makeWeight(
          storage,
          [4, 16],
          Float32Array.from({ length: 64 }, (_, i) => values[i % 8]),
        );
        const faulty = makeWeight(storage, [1, 17], new Float32Array(17).fill(nan));
        const isNan = tf.isNaN(embedding(Int32Array.of(0), faulty)).toFloat();
        const rows = embedding(Int32Array.of(3, 0), weight);
        return {
          isNan,
          bits: tf.tensor1d(new Int32Array(rows.dataSync().slice().buffer), 'int32').toFloat(),
        };
      }));
  }
});

describeNative('native selected rows', () => {
  for (const indices of [[], [0], [4, 0, 3], [2, 2, 0, 2]]) {
    it(`[${indices}] of five, and their gradient`, () =>
      expectReference(0, () =>
        withGradients({ x: randomTensor([5, 7], 1) }, ({ x }) =>
          selectRows(x as tf.Tensor2D, Int32Array.from(indices)),
        ),
      ));
  }

  it('make no numbers of what is none', () =>
    expectNotFinite(
      () => ({ x: randomTensor([3, 4], 1) }),
      ({ x }) => ({ y: selectRows(x as tf.Tensor2D, Int32Array.of(2, 0)) }),
    ));
});
