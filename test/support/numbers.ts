import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { Random } from '../../core/base/random.js';

const recent = new Map<string, Float32Array>();
const MOST_RECENT = 16;

/** A copy of what `make` makes, which is made once for the many runs of a test that ask for it by the same name. */
export function madeOnce(name: string, make: () => Float32Array): Float32Array {
  const values = recent.get(name) ?? make();
  recent.delete(name);
  recent.set(name, values);
  if (recent.size > MOST_RECENT) recent.delete(recent.keys().next().value as string);
  return values.slice();
}

/** Numbers uniform in −1 … 1, the same for the same seed. */
export function randomTensor<R extends tf.Rank>(shape: tf.ShapeMap[R], seed: number): tf.Tensor<R> {
  const size = shape.reduce((product: number, extent: number) => product * extent, 1);
  return tf.tensor(
    madeOnce(`uniform ${size} ${seed}`, () => new Random(seed).uniform(size, -1, 1)),
    shape,
  );
}

/** Every element within `tolerance` of the expected one, relative to the largest expected magnitude or 1. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what = '',
): void {
  expect(actual.length, `${what} length`).to.equal(expected.length);
  let scale = 1;
  for (let i = 0; i < expected.length; i++) scale = Math.max(scale, Math.abs(expected[i]));
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i] - expected[i]) / scale;
    worst = Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(worst, error);
  }
  expect(worst, `${what} worst relative error`).to.be.at.most(tolerance);
}

/** Below this, products of fp32 numbers lose digits. */
const SMALLEST = 1e-30;

/** The largest difference, relative to the largest expected magnitude; infinite where a number is none. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length, 'length').to.equal(expected.length);
  let scale = SMALLEST;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    scale = Math.max(scale, Math.abs(expected[i]));
    const error = Math.abs(actual[i] - expected[i]);
    worst = Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(worst, error);
  }
  return worst / scale;
}

/**
 * Holds the gradient that `fn` yields against central differences: for a random direction d of each input, the
 * change of `fn` along d must be the gradient times d.
 */
export function checkGradient(
  fn: (...inputs: tf.Tensor[]) => tf.Tensor,
  inputs: readonly tf.Tensor[],
  tolerance = 2e-2,
): void {
  // A random weighting of the outputs makes a scalar of them without letting errors cancel.
  const weighted = (...xs: tf.Tensor[]): tf.Scalar =>
    tf.tidy(() => {
      const y = fn(...xs);
      return tf.sum(tf.mul(y, randomTensor(y.shape as [number], 99)));
    });
  tf.tidy(() => {
    const gradients = tf.grads((...xs: tf.Tensor[]) => weighted(...xs))([...inputs]);
    const step = 1e-2;
    for (const [i, input] of inputs.entries()) {
      const direction = randomTensor(input.shape as [number], 7 + i);
      const moved = (by: number) => inputs.map((x, j) => (j === i ? tf.add(x, tf.mul(direction, by)) : x));
      const difference =
        (weighted(...moved(step)).dataSync()[0] - weighted(...moved(-step)).dataSync()[0]) / (2 * step);
      const predicted = tf.sum(tf.mul(gradients[i], direction)).dataSync()[0];
      const scale = Math.max(1, Math.abs(difference));
      expect(
        Math.abs(predicted - difference) / scale,
        `gradient of input ${i}: ${predicted} against ${difference}`,
      ).to.be.at.most(tolerance);
    }
  });
}
