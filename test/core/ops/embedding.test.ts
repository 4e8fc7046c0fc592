import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { DENSE_TYPES, type DenseType, encodeFloats } from '../../../core/base/floats.js';
import { embedding } from '../../../core/ops/embedding.js';
import { DenseWeight } from '../../../core/ops/frozen-weight.js';
import { forEachBackend } from '../../support/backends.js';

/** Row i is i, i + ¼, i + ½, …: exact in every storage type. */
function makeWeight(type: DenseType, vocabulary: number, hidden: number): DenseWeight {
  const values = Float32Array.from(
    { length: vocabulary * hidden },
    (_, at) => Math.floor(at / hidden) + (at % hidden) / 4,
  );
  return new DenseWeight([vocabulary, hidden], type, encodeFloats(type, values));
}

describe('embedding', () => {
  forEachBackend(() => {
    for (const type of Object.keys(DENSE_TYPES) as DenseType[]) {
      it(`takes the rows of a ${type} weight, in order and repeated`, () => {
        tf.tidy(() => {
          const y = embedding(Int32Array.of(6, 0, 3, 3), makeWeight(type, 7, 3));
          expect(y.arraySync()).to.deep.equal([
            [6, 6.25, 6.5],
            [0, 0.25, 0.5],
            [3, 3.25, 3.5],
            [3, 3.25, 3.5],
          ]);
        });
      });
    }

    it('decodes only the rows that are asked for', () => {
      const weight = makeWeight('f32', 7, 3);
      const decoded: [number, number][] = [];
      const watched = {
        shape: weight.shape,
        storage: weight.storage,
        byteLength: weight.byteLength,
        decode(start: number, end: number, target: Float32Array) {
          decoded.push([start, end]);
          weight.decode(start, end, target);
        },
      };
      tf.dispose(embedding(Int32Array.of(5, 2), watched));
      expect(decoded).to.deep.equal([
        [5, 6],
        [2, 3],
      ]);
    });

    for (const id of [-1, 7]) {
      it(`refuses the id ${id} of a vocabulary of 7`, () => {
        expect(() => embedding(Int32Array.of(0, id), makeWeight('f32', 7, 3))).to.throw(
          RangeError,
          `token id ${id} is outside the vocabulary of 7`,
        );
      });
    }
  });
});
