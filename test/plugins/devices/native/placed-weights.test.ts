import type * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { encodeFloats } from '../../../../core/base/floats.js';
import { Random } from '../../../../core/base/random.js';
import { DenseWeight, type FrozenWeight } from '../../../../core/ops/frozen-weight.js';
import { linear } from '../../../../core/ops/linear.js';
import { PlacedWeights } from '../../../../plugins/devices/native/placed-weights.js';
import { collectGarbage } from '../../../support/garbage.js';
import { addon, describeNative, expectReference, withGradients } from '../../../support/native.js';
import { int8Steps, makeWeight, STORAGES, stepsTensor } from '../../../support/weights.js';

const [ROWS, COLUMNS] = [70, 33];
const NUMBERS = int8Steps(ROWS, COLUMNS, 1, 1 / 128);

/** A third party's weight: the numbers are there in some way, which only its `decode` knows. */
class ForeignWeight implements FrozenWeight {
  readonly shape = [ROWS, COLUMNS] as const;
  readonly byteLength = 0;

  constructor(
    readonly storage: string,
    readonly further: object = {},
  ) {
    Object.assign(this, further);
  }

  decode(start: number, end: number, target: Float32Array): void {
    target.set(NUMBERS.subarray(start * COLUMNS, end * COLUMNS));
  }
}

/** Those of a storage that has no name here, and those that go by a known name with other insides. */
const FOREIGN = {
  'an unknown storage': new ForeignWeight('int4-awq'),
  'a known dense one, not as bytes': new ForeignWeight('bf16'),
  'int8 without values': new ForeignWeight('int8'),
  'int8 with scales for blocks': new ForeignWeight('int8', {
    values: new Int8Array(ROWS * COLUMNS),
    scales: new Float32Array(ROWS * 2),
  }),
  'nf4 without scales': new ForeignWeight('nf4', { codes: new Uint8Array(ROWS * COLUMNS) }),
};

describeNative('frozen weights on the native device', () => {
  for (const [what, weight] of Object.entries(FOREIGN)) {
    it(`are decoded where the kernels do not know them: ${what}`, () =>
      expectReference(2e-6, () =>
        withGradients(
          { x: stepsTensor(5, COLUMNS, 2) },
          ({ x }) => linear(x, weight),
          () => stepsTensor(5, ROWS, 3),
        ),
      ));

    it(`stay readable as long as they are in use: ${what}`, () => {
      addon.open(null, 1);
      const handles = new PlacedWeights(addon);
      const handle = handles.of(weight);
      for (let i = 0; i < 5; i++) {
        collectGarbage();
        // Takes the memory that the collection freed.
        for (let size = 1; size < 4; size++) new Float32Array(ROWS * COLUMNS).fill(Number.NaN);
      }
      const target = new Float32Array(ROWS * COLUMNS);
      addon.decode(handle, 0, ROWS, target);
      expect(target).to.deep.equal(NUMBERS);
      expect(handles.of(weight), 'is decoded anew').to.not.equal(handle);
    });
  }

  for (const storage of STORAGES) {
    it(`in ${storage} decode, from any row to any other, to what they are`, () => {
      addon.open(null, 1);
      const weight = makeWeight(storage, [ROWS, COLUMNS], new Random(1).uniform(ROWS * COLUMNS, -1, 1));
      const handle = new PlacedWeights(addon).of(weight);
      for (const [start, end] of [
        [0, ROWS],
        [3, 4],
        [7, 30],
        [ROWS, ROWS],
      ]) {
        const [actual, expected] = [0, 0].map(() => new Float32Array((end - start) * COLUMNS));
        addon.decode(handle, start, end, actual);
        weight.decode(start, end, expected);
        expect(actual).to.deep.equal(expected);
      }
    });
  }

  it('may begin anywhere in a file: their bytes need not be aligned', () =>
    expectReference(2e-6, () => {
      const results = (['f32', 'bf16', 'f16'] as const).map((type) => {
        const encoded = encodeFloats(type, NUMBERS);
        const bytes = new Uint8Array(encoded.byteLength + 1);
        bytes.set(encoded, 1);
        const weight = new DenseWeight([ROWS, COLUMNS], type, bytes.subarray(1));
        return [type, linear(stepsTensor(5, COLUMNS, 2), weight)] as [string, tf.Tensor];
      });
      return Object.fromEntries(results);
    }));
});
