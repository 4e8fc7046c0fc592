import { expect } from 'chai';
import { DENSE_TYPES, type DenseType, decodeFloats, encodeFloats } from '../../../core/base/floats.js';

const TYPES = Object.keys(DENSE_TYPES) as DenseType[];
const SHORT_TYPES = ['f16', 'bf16'] as const;
type ShortType = (typeof SHORT_TYPES)[number];

/** Bits of exponent and fraction; the bias of the exponent. */
const FORMATS = {
  f16: { exponent: 5, fraction: 10, bias: 15 },
  bf16: { exponent: 8, fraction: 7, bias: 127 },
} as const;

/** What 16 bits mean by IEEE 754, in arithmetic alone. */
function meaning(type: ShortType, bits: number): number {
  const { exponent: exponentBits, fraction: fractionBits, bias } = FORMATS[type];
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits & 0x7fff) >> fractionBits;
  const fraction = (bits & (2 ** fractionBits - 1)) / 2 ** fractionBits;
  if (exponent === 2 ** exponentBits - 1)
    return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias);
  return sign * (1 + fraction) * 2 ** (exponent - bias);
}

const ALL_WORDS = Uint16Array.from({ length: 65536 }, (_, bits) => bits);

function decodeWords(type: ShortType, words: Uint16Array): Float32Array {
  const values = new Float32Array(words.length);
  decodeFloats(type, new Uint8Array(words.buffer), values);
  return values;
}

function encodeWords(type: ShortType, values: Float32Array): Uint16Array {
  return new Uint16Array(encodeFloats(type, values).buffer);
}

/** The fp32 next to each, further from 0 or nearer to it. */
function beside(values: Float32Array, by: 1 | -1): Float32Array {
  const bits = new Uint32Array(values.slice().buffer);
  return new Float32Array(bits.map((word) => word + by).buffer);
}

describe('decodeFloats and encodeFloats', () => {
  for (const type of SHORT_TYPES) {
    it(`decodes each of the 65,536 ${type} numbers, and encodes it again`, () => {
      const values = decodeWords(type, ALL_WORDS);
      const again = encodeWords(type, values);
      for (const bits of ALL_WORDS) {
        const expected = meaning(type, bits);
        if (!Object.is(values[bits], expected))
          expect.fail(`${bits} became ${values[bits]}, not ${expected}`);
        const isBack = Number.isNaN(expected)
          ? Number.isNaN(meaning(type, again[bits]))
          : again[bits] === bits;
        if (!isBack) expect.fail(`${bits} came back as ${again[bits]}`);
      }
    });

    for (const sign of [1, -1]) {
      it(`rounds to the nearest ${type}, ties to even, sign ${sign}`, () => {
        const signBit = sign < 0 ? 0x8000 : 0;
        // Each finite number and the one after it, the last's being infinity.
        const lower: number[] = [];
        while (Number.isFinite(meaning(type, lower.length))) lower.push(lower.length);
        const middle = Float32Array.from(lower, (bits) => {
          const from = meaning(type, bits);
          // Where the next one overflows, rounding goes on as if the exponent had no end (IEEE 754, 4.3.1).
          const step =
            bits + 1 < lower.length ? meaning(type, bits + 1) - from : from - meaning(type, bits - 1);
          return sign * (from + step / 2);
        });
        const expectWords = (values: Float32Array, expected: (bits: number) => number, what: string) => {
          const words = encodeWords(type, values);
          for (const bits of lower) {
            if (words[bits] !== (expected(bits) | signBit)) expect.fail(`${what}: ${values[bits]}`);
          }
        };
        expectWords(middle, (bits) => bits + (bits % 2), 'a tie');
        expectWords(beside(middle, -1), (bits) => bits, 'just below a tie');
        expectWords(beside(middle, 1), (bits) => bits + 1, 'just above a tie');
      });
    }

    it(`keeps what is beyond ${type} infinite, and every NaN a NaN`, () => {
      // The last is a NaN all of whose payload is lost with the lower bits.
      const nan = new Float32Array(new Uint32Array([0x7f800001, 0xff800001, 0x7fc00000]).buffer);
      for (const word of encodeWords(type, nan)) expect(meaning(type, word)).to.be.NaN;
      const far = Float32Array.of(3.4028234e38, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);
      expect([...encodeWords(type, far)].map((word) => meaning(type, word))).to.deep.equal([
        Number.POSITIVE_INFINITY,
        Number.POSITIVE_INFINITY,
        Number.NEGATIVE_INFINITY,
      ]);
    });
  }

  it('keeps the bits of f32', () => {
    const values = Float32Array.of(0.1, -0, 1e-45, Number.POSITIVE_INFINITY);
    const back = new Float32Array(4);
    decodeFloats('f32', encodeFloats('f32', values), back);
    expect([...back]).to.deep.equal([...values]);
  });

  for (const type of TYPES) {
    it(`reads ${type} numbers at any offset of bytes, a Buffer's too`, () => {
      const values = Float32Array.of(1.5, -2, 0.25);
      const bytes = encodeFloats(type, values);
      for (let offset = 0; offset < 8; offset++) {
        const file = new Uint8Array(bytes.length + 16);
        file.set(bytes, offset);
        for (const whole of [file, Buffer.from(file.buffer)]) {
          const target = new Float32Array(3);
          decodeFloats(type, whole.subarray(offset, offset + bytes.length), target);
          expect([...target], `offset ${offset}`).to.deep.equal([...values]);
        }
      }
    });

    it(`takes and fills a part of a larger array: ${type}`, () => {
      const bytes = encodeFloats(type, Float32Array.of(9, 1, 2, 9).subarray(1, 3));
      expect(bytes).to.have.length(2 * DENSE_TYPES[type]);
      const target = new Float32Array(4).fill(7);
      decodeFloats(type, bytes, target.subarray(1));
      expect([...target]).to.deep.equal([7, 1, 2, 7]);
    });
  }
});
