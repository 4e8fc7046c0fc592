import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { encodeFloats } from '../../../../../core/base/floats.js';
import { Random } from '../../../../../core/base/random.js';
import { mapFile, releasePages } from '../../../../../core/ops/file-mapping.js';
import { DenseWeight } from '../../../../../core/ops/frozen-weight.js';
import { STORED_TYPES, type StoredType } from '../../../../../plugins/checkpoints/gguf/blocks.js';
import type { ModelTensor } from '../../../../../plugins/checkpoints/gguf/read-model.js';
import { openTensor } from '../../../../../plugins/checkpoints/gguf/tensor.js';
import { type Int8Weight, quantizeInt8 } from '../../../../../plugins/quantizers/int8/int8-weight.js';
import { NotFiniteError } from '../../../../../plugins/quantizers/kit/not-finite.js';
import { quantizeNf4 } from '../../../../../plugins/quantizers/nf4/quantize.js';
import { middlesOf, NF4_VALUES } from '../../../../../plugins/quantizers/nf4/tables.js';
import { expectError } from '../../../../support/errors.js';
import { TemporaryFolder } from '../../../../support/files.js';
import { collectGarbage } from '../../../../support/garbage.js';
import { addon, describeNative, onEachIsa } from '../../../../support/native.js';
import { makeWeight, STORAGES } from '../../../../support/weights.js';

describeNative('native files in memory', () => {
  const bytes = Buffer.from(Uint8Array.from({ length: 3 * 4096 + 7 }, (_, i) => (i * 31) % 251));
  let folder: TemporaryFolder;
  let file: string;

  beforeEach(async () => {
    await tf.setBackend('native');
    folder = new TemporaryFolder();
    file = folder.write('weights', bytes);
  });

  afterEach(() => folder.remove());

  /** A part that must be mapped. */
  const map = (start: number, length: number) => mapFile(file, start, length) as Uint8Array;

  for (const [start, length] of [
    [0, bytes.length],
    [1, 1],
    [4095, 2],
    [4096, 4096],
    [5000, bytes.length - 5000],
  ]) {
    it(`are the file's bytes ${start} … ${start + length}`, () => {
      expect(Buffer.from(map(start, length)).equals(bytes.subarray(start, start + length))).to.equal(true);
    });
  }

  it('none for no bytes', () => {
    expect(mapFile(file, 5, 0)).to.equal(undefined);
  });

  it('do not change when they are written to', () => {
    map(100, 50).fill(0);
    expect(readFileSync(file).equals(bytes)).to.equal(true);
    expect(map(100, 50)[0]).to.equal(bytes[100]);
  });

  it('are there again after their pages were released', () => {
    const mapped = map(10, bytes.length - 10);
    releasePages(mapped);
    releasePages(mapped.subarray(5000));
    releasePages(new Uint8Array(10));
    expect(Buffer.from(mapped).equals(bytes.subarray(10))).to.equal(true);
  });

  it('outlive the file, and end with who reads them', async () => {
    const mappings = () =>
      readFileSync('/proc/self/maps', 'utf8')
        .split('\n')
        .filter((line) => line.includes(file));
    const sum = () => {
      const mapped = map(0, bytes.length);
      folder.remove();
      expect(mappings()).to.have.lengthOf(1);
      return mapped.reduce((total, byte) => total + byte, 0);
    };
    expect(sum()).to.equal(bytes.reduce((total, byte) => total + byte, 0));
    for (let i = 0; i < 20 && mappings().length > 0; i++) {
      collectGarbage();
      await new Promise(setImmediate);
    }
    expect(mappings()).to.have.lengthOf(0);
  });

  it('refuse a part beyond the end, and a file that is not there', () => {
    for (const [start, length] of [
      [0, bytes.length + 1],
      [bytes.length, 1],
      [-1, 5],
    ]) {
      expect(() => map(start, length)).to.throw(`${file}: the file is shorter than what is to be mapped`);
    }
    expect(() => mapFile(`${file}.none`, 0, 1)).to.throw(`${file}.none: No such file`);
  });
});

describeNative('native int8 weights', () => {
  const [rows, columns] = [50, 37];
  const values = new Random(1).uniform(rows * columns, -1, 1);
  // Rows of nothing, of the smallest and the largest numbers, and of halves of a step.
  for (let i = 0; i < columns; i++) {
    values[i] = 0;
    values[columns + i] *= 1e-44;
    values[2 * columns + i] *= 3e38;
    values[3 * columns + i] = i === 0 ? 127 : i - 18.5;
  }

  for (const storage of STORAGES) {
    it(`are quantized from ${storage} as the composed form does, to the bit`, async () => {
      // What a half cannot hold is infinite.
      const inRange =
        storage === 'f16' ? values.map((value) => Math.min(6e4, Math.max(-6e4, value))) : values;
      const weight = makeWeight(storage, [rows, columns], inRange);
      await tf.setBackend('cpu');
      const expected = quantizeInt8(weight);
      await onEachIsa((isa) => {
        for (const threads of [1, 3]) {
          addon.open(isa, threads);
          const actual: Int8Weight = quantizeInt8(weight, 'fp32');
          expect(actual.values, isa).to.deep.equal(expected.values);
          expect(actual.scales, isa).to.deep.equal(expected.scales);
          expect(actual.compute).to.equal('fp32');
        }
      });
    });
  }

  it('are refused where a number is none, with the first such row', () =>
    onEachIsa(() => {
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        for (const at of [7 * columns + 36, 49 * columns]) {
          const faulty = values.slice();
          faulty[at] = faulty[49 * columns + 1] = value;
          const weight = new DenseWeight([rows, columns], 'f32', encodeFloats('f32', faulty));
          const row = Math.floor(at / columns);
          expect(() => quantizeInt8(weight)).to.throw(NotFiniteError, `row ${row} holds ${value}`);
        }
      }
    }));
});

describeNative('native nf4 weights', () => {
  const shapes: [number, number][] = [
    [1, 1],
    [3, 21],
    [50, 37],
    [130, 129],
    [300, 64],
  ];

  for (const shape of shapes) {
    for (const type of ['f32', 'bf16', 'f16'] as const) {
      it(`are quantized from ${type} [${shape}] as the composed form does, to the bit`, async () => {
        const numbers = new Random(2).uniform(shape[0] * shape[1], -1, 1);
        // Blocks of nothing, of the smallest numbers, and numbers that lie in the middle between two codes' values.
        numbers.fill(0, 64, 128);
        for (let i = 128; i < Math.min(192, numbers.length); i++) numbers[i] *= 1e-40;
        if (numbers.length > 256) {
          numbers[192] = 1;
          middlesOf(NF4_VALUES).forEach((middle, i) => {
            numbers[193 + i] = middle;
          });
        }
        const weight = new DenseWeight(shape, type, encodeFloats(type, numbers));
        for (const doubleQuantization of [true, false]) {
          await tf.setBackend('cpu');
          const expected = quantizeNf4(weight, { doubleQuantization });
          await onEachIsa((isa) => {
            for (const threads of [1, 3]) {
              addon.open(isa, threads);
              expect({ ...quantizeNf4(weight, { doubleQuantization }) }, isa).to.deep.equal({ ...expected });
            }
          });
        }
      });
    }
  }

  it('are made of weights that are quantized already, and so are decoded first', async () => {
    const weight = quantizeInt8(makeWeight('f32', [9, 33], new Random(3).uniform(297, -1, 1)));
    await tf.setBackend('cpu');
    const expected = quantizeNf4(weight, { doubleQuantization: true });
    await onEachIsa(() => {
      expect({ ...quantizeNf4(weight, { doubleQuantization: true }) }).to.deep.equal({ ...expected });
    });
  });

  it('are refused where a number is none, with its row', () =>
    onEachIsa(() => {
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        for (const at of [70, 37 * 50 - 1]) {
          const faulty = new Float32Array(37 * 50).fill(0.5);
          faulty[at] = value;
          const weight = new DenseWeight([50, 37], 'f32', encodeFloats('f32', faulty));
          const row = Math.floor(at / 37);
          const quantize = () => quantizeNf4(weight, { doubleQuantization: true });
          expect(quantize).to.throw(NotFiniteError, `row ${row} holds ${value}`);
        }
      }
    }));
});

describeNative('native numbers of a GGUF file', () => {
  const [rows, columns] = [300, 512];
  const BLOCK_TYPES = [...STORED_TYPES.values()].filter(({ decode }) => decode);

  /** A tensor as the file's tables tell of it. */
  const tensorOf = (type: StoredType, bytes: Uint8Array, rowAt?: (row: number) => number) => ({
    name: 'weight',
    stored: {
      name: 'weight',
      type,
      shape: [rows, columns],
      start: 0,
      bytes: bytes.length,
      file: { path: 'model.gguf', map: async () => bytes },
    } as unknown as ModelTensor['stored'],
    rowAt,
  });

  const read = async (tensor: ModelTensor) => (await openTensor(tensor))();

  /** Blocks of which each byte is drawn, with scales below 2 in magnitude. */
  function drawBlocks(type: StoredType): Uint8Array {
    const count = (rows * columns) / type.length;
    const random = new Random(type.number);
    const bytes = Uint8Array.from(random.uniform(count * type.bytes, 0, 256));
    const halves = type.name === 'Q6_K' ? [208] : type.name.match(/_1|[45]_K/) ? [0, 2] : [0];
    for (let block = 0; block < count; block++)
      for (const at of halves) bytes[block * type.bytes + at + 1] &= 0xbf;
    return bytes;
  }

  for (const type of BLOCK_TYPES) {
    it(`${type.name} are those of the composed form, to the bit`, async () => {
      const bytes = drawBlocks(type);
      for (const rowAt of [undefined, (row: number) => (row * 7) % rows]) {
        await tf.setBackend('cpu');
        const expected = await read(tensorOf(type, bytes, rowAt));
        await onEachIsa(async (isa) => {
          for (const threads of [1, 3]) {
            addon.open(isa, threads);
            const actual = await read(tensorOf(type, bytes, rowAt));
            expect(Buffer.from(actual).equals(Buffer.from(expected)), isa).to.equal(true);
          }
        });
      }
    });

    it(`${type.name} are refused where one is larger than an f16, or none`, async () => {
      for (const scale of [0x7bff, 0xfc00, 0x7e00]) {
        const bytes = drawBlocks(type);
        const last = bytes.length - type.bytes;
        bytes.fill(0x7f, last);
        new DataView(bytes.buffer).setUint16(last + (type.name === 'Q6_K' ? 208 : 0), scale, true);
        await onEachIsa(() =>
          expectError(() => read(tensorOf(type, bytes)), 'CHECKPOINT_INVALID', type.name, '65504'),
        );
      }
    });
  }
});
