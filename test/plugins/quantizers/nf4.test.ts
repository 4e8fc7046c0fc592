import { createHash } from 'node:crypto';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { Random } from '../../../core/base/random.js';
import { type DenseType, DenseWeight, encodeFloats, toFloat32 } from '../../../core/index.js';
import { NotFiniteError } from '../../../plugins/quantizers/kit/not-finite.js';
import { quantizeNf4 } from '../../../plugins/quantizers/nf4/quantize.js';
import { DYNAMIC_MAP, NF4_VALUES } from '../../../plugins/quantizers/nf4/tables.js';
import { compose, floatsOf, readData, readFixture, withModel } from '../../support/compose.js';
import { expectError } from '../../support/errors.js';
import { ROOT } from '../../support/files.js';
import { LLAMA } from '../../support/llama-fixture.js';

/** What test/fixtures/make_nf4.py writes; arrays are base64. */
interface Expected {
  readonly values: string;
  readonly dynamicMap: string;
  readonly cases: readonly {
    readonly name: string;
    readonly shape: [number, number];
    readonly type: DenseType;
    readonly weight: string;
    readonly codes: string;
    readonly absmax: string;
    readonly absmaxCodes: string;
    readonly nestedAbsmax: string;
    readonly offset: number;
    /** SHA-256 of the fp32 numbers. */
    readonly decoded: string;
    readonly decodedPlain: string;
  }[];
}

const expected = readFixture<Expected>('nf4.json');
const bytesOf = (base64: string) => Uint8Array.from(Buffer.from(base64, 'base64'));
const digestOf = (numbers: Float32Array) =>
  createHash('sha256').update(new Uint8Array(numbers.buffer)).digest('hex');
const NESTED = { doubleQuantization: true };
const PLAIN = { doubleQuantization: false };

const weightOf = (shape: [number, number], numbers: Float32Array) =>
  new DenseWeight(shape, 'f32', encodeFloats('f32', numbers));
const randomWeight = (shape: [number, number], seed: number) =>
  weightOf(shape, new Random(seed).uniform(shape[0] * shape[1], -1, 1));

describe('a weight in nf4, bit for bit as bitsandbytes stores it', () => {
  it('has its tables', () => {
    expect(NF4_VALUES).to.deep.equal(floatsOf(expected.values));
    expect(DYNAMIC_MAP).to.deep.equal(floatsOf(expected.dynamicMap));
  });

  for (const { name, shape, type, weight, ...of } of expected.cases) {
    it(`${name}: ${type} [${shape}]`, () => {
      const dense = new DenseWeight(shape, type, bytesOf(weight));
      const nested = quantizeNf4(dense, NESTED);
      expect(nested.codes, 'codes').to.deep.equal(bytesOf(of.codes));
      expect(nested.absmaxCodes, 'absmaxCodes').to.deep.equal(bytesOf(of.absmaxCodes));
      expect(nested.nestedAbsmax, 'nestedAbsmax').to.deep.equal(floatsOf(of.nestedAbsmax));
      expect(nested.offset, 'offset').to.equal(of.offset);
      expect(digestOf(toFloat32(nested)), 'decoded').to.equal(of.decoded);

      const plain = quantizeNf4(dense, PLAIN);
      expect(plain.codes).to.deep.equal(nested.codes);
      expect(plain.absmax, 'absmax').to.deep.equal(floatsOf(of.absmax));
      expect(digestOf(toFloat32(plain)), 'decoded without double quantization').to.equal(of.decodedPlain);
    });
  }
});

describe('a weight in nf4', () => {
  it('counts all that it stores', () => {
    // 39 numbers in a last block, 1 absmax in a last nested block.
    const weight = randomWeight([127, 129], 1);
    const blocks = 256;
    const nested = quantizeNf4(weight, NESTED);
    expect(nested.storage).to.equal('nf4');
    expect(nested.shape).to.deep.equal([127, 129]);
    expect(nested.absmax).to.equal(undefined);
    expect(nested.byteLength).to.equal(Math.ceil((127 * 129) / 2) + blocks + 4 + 4);
    const plain = quantizeNf4(weight, PLAIN);
    expect([plain.absmaxCodes, plain.nestedAbsmax, plain.offset]).to.deep.equal(Array(3).fill(undefined));
    expect(plain.byteLength).to.equal(Math.ceil((127 * 129) / 2) + 4 * blocks);
  });

  for (const columns of [1, 7, 64, 97, 200]) {
    it(`decodes any rows to the front of the target, the same as in whole: ${columns} columns`, () => {
      const rows = 23;
      for (const options of [NESTED, PLAIN]) {
        const weight = quantizeNf4(randomWeight([rows, columns], 6), options);
        const whole = toFloat32(weight);
        for (let start = 0; start < rows; start++) {
          for (let end = start; end <= rows; end++) {
            const size = (end - start) * columns;
            const target = new Float32Array(size + 3).fill(9);
            weight.decode(start, end, target);
            expect(target.subarray(0, size)).to.deep.equal(whole.subarray(start * columns, end * columns));
            expect([...target.subarray(size)], 'behind what was asked for').to.deep.equal([9, 9, 9]);
          }
        }
      }
    });
  }

  it('is the same where a weight is read in many parts', () => {
    // Rows so wide that one is a part of its own, and no multiple of a block.
    const shape: [number, number] = [3, 70_001];
    const numbers = new Random(8).uniform(shape[0] * shape[1], -1, 1);
    const whole = quantizeNf4(weightOf(shape, numbers), NESTED);
    const narrow = quantizeNf4(weightOf([shape[1], shape[0]], numbers), NESTED);
    expect(whole.codes).to.deep.equal(narrow.codes);
    expect(whole.absmaxCodes).to.deep.equal(narrow.absmaxCodes);
    expect(whole.nestedAbsmax).to.deep.equal(narrow.nestedAbsmax);
    const last = toFloat32(whole).subarray(-70_001);
    for (const [i, number] of numbers.subarray(-70_001).entries()) {
      if (Math.abs(number - last[i]) > 0.16) expect.fail(`${number} became ${last[i]}`);
    }
  });

  it('holds no more than a small part of a weight in fp32', () => {
    let most = 0;
    const dense = randomWeight([1024, 512], 9);
    const watched = {
      ...dense,
      decode(start: number, end: number, target: Float32Array) {
        most = Math.max(most, target.buffer.byteLength);
        dense.decode(start, end, target);
      },
    };
    quantizeNf4(watched, NESTED);
    expect(most).to.be.within(1, (1024 * 512 * 4) / 7);
  });

  it('refuses numbers that are not finite, with their row', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      for (const at of [0, 63, 64, 70_000, 99_999]) {
        const numbers = new Float32Array(100_000).fill(3);
        numbers[at] = bad;
        const row = Math.floor(at / 50);
        expect(() => quantizeNf4(weightOf([2000, 50], numbers), NESTED)).to.throw(
          NotFiniteError,
          `row ${row} holds ${bad}`,
        );
      }
    }
  });
});

describe('the quantizer nf4', () => {
  const learned = { path: `${ROOT}data/models/llama-tiny` };

  it('quantizes absmax unless told not to', async () => {
    await withModel({ model: LLAMA, quantizer: 'nf4' }, (model) => {
      for (const { weight, isOutput } of model.linears) {
        if (!isOutput) expect(weight).to.have.property('absmaxCodes').that.is.instanceOf(Uint8Array);
        expect(weight.compute).to.equal(undefined);
      }
    });
    const options = { name: 'nf4', doubleQuantization: false, compute: 'bf16' };
    await withModel({ model: LLAMA, quantizer: options }, (model) => {
      for (const { weight, isOutput } of model.linears) {
        if (!isOutput) expect(weight).to.have.property('absmax').that.is.instanceOf(Float32Array);
        expect(weight.compute).to.equal(isOutput ? undefined : 'bf16');
      }
    });
  });

  it('leaves the loss of a trained model near', async () => {
    const examples = (await readData('alpaca', `${ROOT}data/samples/alpaca.json`)).slice(0, 6);
    const lossWith = (quantizer: string) =>
      withModel({ model: learned, quantizer }, (model, { encoder }) => {
        const batch = model.collate(examples.map((example) => encoder.encode(example, 128)));
        return tf.tidy(
          () =>
            model.crossEntropy(batch, { training: false, seed: 0, checkpointing: false }).dataSync()[0] /
            batch.targets,
        );
      });
    const [exact, quantized] = [await lossWith('none'), await lossWith('nf4')];
    expect(Math.abs(quantized - exact) / exact).to.be.within(1e-4, 0.05);
  });

  it('refuses other options', async () => {
    for (const options of [{ bits: 3 }, { compute: 'int8' }, { doubleQuantization: 'yes' }]) {
      const [key] = Object.keys(options);
      const load = () => compose({ quantizer: { name: 'nf4', ...options } });
      await expectError(load, 'PLUGIN_INVALID', `quantizer.${key}`);
    }
  });
});
