import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { Random } from '../../../../core/base/random.js';
import { gelu } from '../../../../core/ops/gelu.js';
import { globalNorm } from '../../../../core/ops/global-norm.js';
import { linear } from '../../../../core/ops/linear.js';
import type { NativeBackend } from '../../../../plugins/devices/native/backend.js';
import { collectGarbage } from '../../../support/garbage.js';
import { addon, describeNative } from '../../../support/native.js';
import { randomTensor, relativeError } from '../../../support/numbers.js';
import { makeWeight } from '../../../support/weights.js';

/** Enough for the pool to keep. */
const SIZE = 4096;
const SHAPE: [number, number] = [64, SIZE / 64];

/** Of a kernel of the device's own, so that its array is the pool's. */
const make = (seed: number) => tf.tidy(() => gelu(randomTensor<tf.Rank.R2>(SHAPE, seed)));

/** Makes the pool give away, and kernels overwrite, all that it has. */
function overwrite(): void {
  tf.tidy(() => {
    const x = tf.fill(SHAPE, 7);
    for (let i = 0; i < 10; i++) gelu(x);
  });
}

describeNative("the native backend's tensors", () => {
  beforeEach(async () => {
    await tf.setBackend('native');
    addon.open(null, 1);
  });

  const backend = () => tf.backend() as NativeBackend;
  /** What the tensor's numbers lie in, looked at as the device's kernels look at it. */
  const bufferOf = (x: tf.Tensor) => backend().floats(x).buffer;

  it('lie where those lay that are gone', () => {
    const y = make(1);
    const buffer = bufferOf(y);
    y.dispose();
    const again = make(2);
    expect(bufferOf(again)).to.equal(buffer);
    again.dispose();
  });

  it('are overwritten when the last of those that share them is gone, and not before', () => {
    const y = make(1);
    const buffer = bufferOf(y);
    const others = [y.clone(), tf.reshape(y, [-1]), tf.variable(y)];
    y.dispose();
    for (const other of others) {
      const between = make(2);
      expect(bufferOf(between)).to.not.equal(buffer);
      between.dispose();
      other.dispose();
    }
    const after = make(2);
    expect(bufferOf(after)).to.equal(buffer);
    after.dispose();
  });

  /** What may be made of a tensor, and go on when the tensor itself is gone. */
  const HOLDERS: Record<string, (y: tf.Tensor2D) => tf.Tensor> = {
    'a clone': (y) => y.clone(),
    'another shape': (y) => tf.reshape(y, [SIZE]),
    'a slice': (y) => tf.slice(y, 1, 5),
    'a slice of a slice': (y) => tf.slice(tf.slice(y, 1, 20), 2, 3),
    'a part of a split': (y) => tf.split(y, 4)[0],
    'a row of unstack': (y) => tf.unstack(y)[63],
    'a concatenation of one': (y) => tf.concat([y], 0),
    'a cast': (y) => tf.cast(tf.cast(y, 'int32'), 'float32'),
    'a transposed one': (y) => tf.transpose(y),
    'a variable': (y) => tf.variable(y),
    'a variable that it was assigned to': (y) => {
      const variable = tf.variable(tf.zerosLike(y));
      variable.assign(y);
      return variable;
    },
    'the real part of a complex one': (y) => tf.real(tf.complex(y, y)),
  };

  for (const [what, hold] of Object.entries(HOLDERS)) {
    it(`do not go with the tensor: ${what}`, () => {
      const numbersAfter = (between: () => void) => {
        const y = make(1);
        const held = tf.tidy(() => hold(y));
        y.dispose();
        between();
        const numbers = held.dataSync().slice();
        held.dispose();
        return numbers;
      };
      expect(numbersAfter(overwrite)).to.deep.equal(numbersAfter(() => {}));
    });
  }

  /** Ways to its numbers that need no tensor any more. */
  const READERS: Record<string, (y: tf.Tensor2D) => Promise<ArrayLike<number>>> = {
    dataSync: async (y) => y.dataSync(),
    data: (y) => y.data(),
    buffer: async (y) => (await y.buffer()).values as Float32Array,
  };

  for (const [what, readOut] of Object.entries(READERS)) {
    it(`do not change for who has them from ${what}()`, async () => {
      const y = make(1);
      const numbers = (await readOut(y)) as Float32Array;
      const expected = numbers.slice();
      y.dispose();
      overwrite();
      expect(numbers).to.deep.equal(expected);
    });
  }

  it('leave alone the array that a tensor was made of', () => {
    const array = new Float32Array(SIZE).fill(3);
    tf.tidy(() => void gelu(tf.tensor(array, SHAPE)));
    overwrite();
    expect(array).to.deep.equal(new Float32Array(SIZE).fill(3));
  });

  it('go to another backend and back', async () => {
    const y = make(1);
    await tf.setBackend('cpu');
    const expected = tf.tidy(() => gelu(y).dataSync().slice());
    await tf.setBackend('native');
    overwrite();
    const actual = tf.tidy(() => gelu(y).dataSync().slice());
    expect(relativeError(actual, expected)).to.be.below(1e-6);
    y.dispose();
  });

  it('take no more memory after hundreds of steps than after a few', async () => {
    const weight = makeWeight('bf16', [64, 64], new Random(1).uniform(SIZE, -1, 1));
    const variable = tf.tidy(() => tf.variable(tf.ones<tf.Rank.R2>(SHAPE)));
    const step = () =>
      tf.tidy(() => {
        const loss = (a: tf.Tensor) =>
          tf.sum(linear(gelu(linear(a as tf.Tensor2D, weight)), weight)) as tf.Scalar;
        const gradient = tf.grad(loss)(variable);
        variable.assign(tf.add(tf.slice(variable, 0, 64), tf.mul(gradient, 1e-3)));
        globalNorm([gradient]).dataSync();
      });
    const held = async () => {
      for (let i = 0; i < 3; i++) {
        collectGarbage();
        await new Promise(setImmediate);
      }
      return [process.memoryUsage().arrayBuffers, addon.scratchMemory(), backend().numDataIds()];
    };
    for (let i = 0; i < 20; i++) step();
    const [arrays, scratch, tensors] = await held();
    for (let i = 0; i < 300; i++) step();
    const [arraysAfter, scratchAfter, tensorsAfter] = await held();
    // One array a step would be 5 MB.
    expect(arraysAfter - arrays, 'bytes of arrays').to.be.below(2 ** 20);
    expect(scratchAfter - scratch, "bytes of the kernels' own").to.equal(0);
    expect(tensorsAfter - tensors, 'tensors').to.equal(0);
    variable.dispose();
  });

  it('of integers are no input of a kernel, which says so; cast to numbers they are', () => {
    tf.tidy(() => {
      const integers = tf.tensor2d([[1, -2, 3]], [1, 3], 'int32');
      expect(() => gelu(integers)).to.throw(TypeError, 'float32 tensors, but got int32 [1,3]');
      expect([...gelu(integers.toFloat()).dataSync()]).to.deep.equal([
        ...gelu(tf.tensor2d([[1, -2, 3]])).dataSync(),
      ]);
    });
  });
});
