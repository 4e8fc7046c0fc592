import * as tf from '@tensorflow/tfjs';
import { type DenseType, encodeFloats } from '../../core/base/floats.js';
import { Random } from '../../core/base/random.js';
import { type ComputeType, DenseWeight, type FrozenWeight } from '../../core/ops/frozen-weight.js';
import { quantizeInt8 } from '../../plugins/quantizers/int8/int8-weight.js';
import { quantizeNf4 } from '../../plugins/quantizers/nf4/quantize.js';
import { madeOnce } from './numbers.js';

/** Every way in which frozen weights are stored. */
export const STORAGES = ['f32', 'bf16', 'f16', 'int8', 'nf4', 'nf4 double'] as const;
export type Storage = (typeof STORAGES)[number];

/** A frozen weight of these numbers, as far as the storage can hold them. */
export function makeWeight(
  storage: Storage,
  shape: [number, number],
  values: Float32Array,
  compute?: ComputeType,
): FrozenWeight {
  const dense = (type: DenseType, of?: ComputeType) =>
    new DenseWeight(shape, type, encodeFloats(type, values), of);
  if (storage === 'int8') return quantizeInt8(dense('f32'), compute);
  if (storage === 'nf4') return quantizeNf4(dense('f32'), { doubleQuantization: false, compute });
  if (storage === 'nf4 double') return quantizeNf4(dense('f32'), { doubleQuantization: true, compute });
  return dense(storage, compute);
}

/**
 * `[rows, columns]` of whole steps of int8, the largest in every row, times a power of two: numbers that fp32, bf16,
 * f16 and int8 hold exactly, so that products of them differ in the order of their sums and in nothing else.
 */
export function int8Steps(rows: number, columns: number, seed: number, step: number): Float32Array {
  return madeOnce(`steps ${rows} ${columns} ${seed} ${step}`, () => {
    const values = new Random(seed).uniform(rows * columns, -127, 127).map(Math.round);
    for (let row = 0; row < rows; row++) values[row * columns + ((5 * row) % columns)] = 127;
    return values.map((value) => value * step);
  });
}

/** `int8Steps` as a tensor. */
export function stepsTensor(rows: number, columns: number, seed: number): tf.Tensor2D {
  return tf.tensor2d(int8Steps(rows, columns, seed, 1), [rows, columns]);
}
