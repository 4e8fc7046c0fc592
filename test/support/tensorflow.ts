/** The tensorflow device in tests. What its kernels yield is held to what the composed form yields on the cpu backend. */

import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import tensorflow from '../../plugins/devices/tensorflow/index.js';
import { askDevice } from './devices.js';
import { numbersOf, onReference, type Results } from './native.js';
import { relativeError } from './numbers.js';
import { skip } from './skip.js';

/** Tests that need TensorFlow; skipped, with a line that says why, where it is not installed. */
export function describeTensorflow(title: string, tests: () => void): void {
  describe(title, () => {
    before(async function () {
      const { device, declined } = await askDevice(tensorflow, {}, 'tensorflow');
      await tf.setBackend('cpu');
      if (!device) skip(this, `the device tensorflow: ${declined[0]}`);
    });
    tests();
  });
}

/** Holds what `compute` yields there to the reference, relative to the largest magnitude of a result. */
export async function expectOnTensorflow(
  tolerance: number,
  compute: () => Results,
  reference = compute,
): Promise<void> {
  const expected = await onReference(reference);
  await tf.setBackend('tensorflow');
  const before = tf.memory().numTensors;
  const actual = numbersOf(compute);
  expect(tf.memory().numTensors, 'tensors that are left').to.equal(before);
  await tf.setBackend('cpu');
  expect(Object.keys(actual)).to.deep.equal(Object.keys(expected));
  for (const [name, values] of Object.entries(expected)) {
    expect(relativeError(actual[name], values), name).to.be.at.most(tolerance);
  }
}
