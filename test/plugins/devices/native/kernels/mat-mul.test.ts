import * as tf from '@tensorflow/tfjs';
import {
  describeNative,
  expectNotFinite,
  expectReference,
  withGradients,
} from '../../../../support/native.js';
import { randomTensor } from '../../../../support/numbers.js';

/** `[m, k, n]` */
const SHAPES = [
  [1, 1, 1],
  [1, 5, 1],
  [7, 1, 3],
  [1, 300, 40],
  [15, 17, 33],
  [29, 1025, 9],
  [5, 4, 600],
  [90, 30, 2],
];

/** Batch dimensions of the operands. */
const BATCHES: Record<string, [number[], number[]]> = {
  'rank 2': [[], []],
  'a batch of one': [[1], [1]],
  'an equal batch': [[3], [3]],
  'an equal batch of two dimensions': [
    [2, 3],
    [2, 3],
  ],
  'an empty batch': [[0], [0]],
  'the left broadcast': [[1], [3]],
  'the right broadcast': [[3], [1]],
  'the right of rank 2': [[3], []],
};
const TOLERANCE = 2e-6;

const turned = (shape: number[], swap: boolean) => (swap ? [...shape].reverse() : shape);

describeNative('native matMul', () => {
  for (const transposeA of [false, true]) {
    for (const transposeB of [false, true]) {
      const form = `A${transposeA ? 'ᵀ' : ''} B${transposeB ? 'ᵀ' : ''}`;
      const multiply = ({ a, b }: Record<string, tf.Tensor>) => tf.matMul(a, b, transposeA, transposeB);

      for (const [m, k, n] of SHAPES) {
        it(`${form} of ${m} × ${k} and ${k} × ${n}`, () =>
          expectReference(TOLERANCE, () =>
            withGradients(
              {
                a: randomTensor(turned([m, k], transposeA) as [number], 1),
                b: randomTensor(turned([k, n], transposeB) as [number], 2),
              },
              multiply,
            ),
          ));
      }

      for (const [what, [batchA, batchB]] of Object.entries(BATCHES)) {
        it(`${form} with ${what}`, () =>
          expectReference(TOLERANCE, () => ({
            y: multiply({
              a: randomTensor([...batchA, ...turned([5, 7], transposeA)] as [number], 1),
              b: randomTensor([...batchB, ...turned([7, 3], transposeB)] as [number], 2),
            }),
          })));
      }

      it(`${form} makes no numbers of what is none`, () =>
        expectNotFinite(
          () => ({
            a: randomTensor(turned([5, 7], transposeA) as [number], 1),
            b: randomTensor(turned([7, 3], transposeB) as [number], 2),
          }),
          (inputs) => ({ y: multiply(inputs) }),
        ));
    }
  }

  it('of nothing is what the cpu backend makes of it', () =>
    expectReference(0, () => ({
      rows: tf.matMul(tf.zeros([0, 3]), tf.zeros([3, 4])),
      columns: tf.matMul(tf.zeros([2, 3]), tf.zeros([3, 0])),
      inner: tf.matMul(tf.zeros([2, 0]), tf.zeros([0, 4])),
    })));
});
