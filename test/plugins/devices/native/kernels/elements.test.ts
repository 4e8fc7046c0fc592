import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import {
  describeNative,
  expectNotFinite,
  expectReference,
  onEachIsa,
  withGradients,
} from '../../../../support/native.js';
import { randomTensor } from '../../../../support/numbers.js';

describeNative('native sums and multiples', () => {
  for (const size of [0, 1, 3, 17, 1000, 16384 + 1]) {
    it(`of ${size} numbers are those of the cpu backend to the bit`, () =>
      expectReference(0, () => {
        const [a, b] = [randomTensor([size], 1), randomTensor([size], 2)];
        return {
          sum: tf.add(a, b),
          multiple: tf.mul(a, 0.3),
          ...withGradients({ a, b }, ({ a, b }) => tf.mul(tf.add(a, b), -7.5)),
        };
      }));
  }

  it('of shapes that broadcast, of integers and of scalars are left to the plain kernels', () =>
    expectReference(1e-6, () => {
      const [row, column] = [randomTensor([1, 5], 1), randomTensor([3, 1], 2)];
      const integers = tf.tensor1d([1, 2, 3], 'int32');
      return {
        ...withGradients({ row, column }, ({ row, column }) => tf.add(tf.mul(row, column), row)),
        integers: tf.add(integers, integers),
        mixed: tf.mul(integers, 0.5),
        scalars: tf.mul(tf.scalar(3), tf.scalar(0.25)),
        fromLeft: tf.mul(0.3, row),
        empty: tf.add(tf.zeros([0, 3]), tf.zeros([1, 3])),
      };
    }));

  it('make no numbers of what is none', () =>
    expectNotFinite(
      () => ({ a: randomTensor([19], 1), b: randomTensor([19], 2) }),
      ({ a, b }) => ({ sum: tf.add(a, b), multiple: tf.mul(tf.add(a, b), 2) }),
    ));
});

describeNative('native shapes of the same data', () => {
  it('are those that tf gives, -1 and none included', () =>
    onEachIsa(() => {
      tf.tidy(() => {
        const x = tf.range(0, 12);
        for (const shape of [[3, 4], [-1, 6], [2, -1, 3], [12], [1, 12, 1]]) {
          const y = tf.reshape(x, shape);
          const known = shape.filter((extent) => extent > 0).reduce((product, extent) => product * extent, 1);
          expect(y.shape).to.deep.equal(shape.map((extent) => (extent === -1 ? 12 / known : extent)));
          expect(y.dataSync()).to.deep.equal(x.dataSync());
        }
        expect(tf.reshape(tf.zeros([0, 3]), [3, 0]).shape).to.deep.equal([3, 0]);
        expect(tf.reshape(tf.tensor1d(['a', 'b']), [2, 1]).dataSync()).to.deep.equal(['a', 'b']);
        expect(tf.reshape(tf.scalar(5), [1, 1]).dataSync()).to.deep.equal(Float32Array.of(5));
      });
    }));

  it('refuse a size that does not fit', () =>
    onEachIsa(() => {
      tf.tidy(() => {
        for (const shape of [[5], [-1, 5], [-1, -1]])
          expect(() => tf.reshape(tf.range(0, 12), shape)).to.throw();
        expect(() => tf.reshape(tf.zeros([0, 3]), [2, 2])).to.throw();
      });
    }));

  it('have gradients, through clones too', () =>
    expectReference(1e-6, () =>
      withGradients({ x: randomTensor([3, 4], 1) }, ({ x }) => tf.mul(tf.reshape(x.clone(), [2, 6]), 2)),
    ));
});
