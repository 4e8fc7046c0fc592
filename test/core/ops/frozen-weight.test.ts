import { expect } from 'chai';
import { DENSE_TYPES, type DenseType, encodeFloats } from '../../../core/base/floats.js';
import { DenseWeight, toFloat32 } from '../../../core/ops/frozen-weight.js';

const TYPES = Object.keys(DENSE_TYPES) as DenseType[];

describe('DenseWeight', () => {
  for (const type of TYPES) {
    it(`decodes rows of ${type}, and keeps the bytes it was given`, () => {
      const bytes = encodeFloats(type, Float32Array.of(1, 2, 3, 4, 5, 6));
      const weight = new DenseWeight([3, 2], type, bytes);
      expect([...toFloat32(weight)]).to.deep.equal([1, 2, 3, 4, 5, 6]);
      const target = new Float32Array(4).fill(9);
      weight.decode(1, 2, target);
      expect([...target], 'the front of the target').to.deep.equal([3, 4, 9, 9]);
      weight.decode(1, 3, target);
      expect([...target]).to.deep.equal([3, 4, 5, 6]);
      expect(weight.bytes).to.equal(bytes);
      expect(weight.byteLength).to.equal(6 * DENSE_TYPES[type]);
    });

    it(`refuses a number of bytes that is not the shape's: ${type}`, () => {
      const size = 6 * DENSE_TYPES[type];
      for (const wrong of [size - 1, size + DENSE_TYPES[type], 0]) {
        expect(() => new DenseWeight([3, 2], type, new Uint8Array(wrong))).to.throw(
          RangeError,
          `a ${type} weight [3,2] has ${size} bytes, but got ${wrong}`,
        );
      }
    });
  }

  it('makes its numbers once, when it is first asked for them', () => {
    let made = 0;
    const weight = new DenseWeight([1, 2], 'f32', () => {
      made++;
      return encodeFloats('f32', Float32Array.of(1, 2));
    });
    expect(weight.byteLength).to.equal(8);
    expect(made).to.equal(0);
    expect([...toFloat32(weight)]).to.deep.equal([1, 2]);
    expect(weight.bytes).to.equal(weight.bytes);
    expect(made).to.equal(1);
  });

  it('refuses a wrong number of bytes of those too', () => {
    const weight = new DenseWeight([1, 2], 'f32', () => new Uint8Array(4));
    expect(() => weight.bytes).to.throw(RangeError, 'a f32 weight [1,2] has 8 bytes, but got 4');
  });
});
