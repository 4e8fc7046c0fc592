import { mix } from '../base/random.js';
import { tf } from '../base/tf.js';
import { dispatch } from './dispatch.js';

declare module './kernels.js' {
  interface Kernels {
    SeededDropout: { inputs: { x: tf.Tensor }; attrs: { rate: number; seed: number } };
  }
}

/**
 * Dropout whose mask is a function of the seed and the element's index, so that it is computed again and not stored. Element i
 * is dropped if `mix(seed ^ mix(i)) < rate · 2^32`. The others are divided by 1 − rate. Kernel: `SeededDropout`.
 *
 * @param x of any shape
 * @throws RangeError if the rate is not in [0, 1)
 */
export function dropout<T extends tf.Tensor>(x: T, rate: number, seed: number): T {
  if (rate === 0) return x;
  if (rate < 0 || rate >= 1) throw new RangeError(`dropout: the rate must be in [0, 1), but got ${rate}`);
  return dispatch('SeededDropout', { x }, { rate, seed }, () =>
    tf.mul(x, tf.tensor(dropoutMask(x.size, rate, seed), x.shape)),
  );
}

/** 0 for an element that is dropped, else 1 / (1 − rate). */
export function dropoutMask(size: number, rate: number, seed: number): Float32Array {
  const threshold = rate * 2 ** 32;
  const kept = 1 / (1 - rate);
  const mask = new Float32Array(size);
  for (let i = 0; i < size; i++) mask[i] = mix(seed ^ mix(i)) < threshold ? 0 : kept;
  return mask;
}
