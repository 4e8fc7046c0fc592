import { expect } from 'chai';
import { Random } from '../../../core/base/random.js';
import { DenseWeight, encodeFloats, toFloat32 } from '../../../core/index.js';
import { quantizeInt8 } from '../../../plugins/quantizers/int8/int8-weight.js';
import { NotFiniteError } from '../../../plugins/quantizers/kit/not-finite.js';
import { compose, withModel } from '../../support/compose.js';
import { expectError } from '../../support/errors.js';
import { LLAMA } from '../../support/llama-fixture.js';

const weightOf = (shape: [number, number], values: number[] | Float32Array) =>
  new DenseWeight(shape, 'f32', encodeFloats('f32', Float32Array.from(values)));

describe('a weight in int8', () => {
  it('has one byte a number and four a row, and scales of the largest magnitude / 127', () => {
    const weight = quantizeInt8(weightOf([2, 3], [127, -63.4, 0.6, -0.5, 0.25, 0]));
    expect(weight.storage).to.equal('int8');
    expect(weight.shape).to.deep.equal([2, 3]);
    expect(weight.byteLength).to.equal(2 * 3 + 2 * 4);
    expect([...weight.scales]).to.deep.equal([1, Math.fround(0.5 / 127)]);
    expect([...weight.values.subarray(0, 3)]).to.deep.equal([127, -63, 1]);
    expect([...weight.values.subarray(3)].slice(0, 1)).to.deep.equal([-127]);
  });

  it('is no further from the weight than half a scale, anywhere', () => {
    const numbers = new Random(5).uniform(64 * 48, -3, 3);
    // Rows of very different magnitude: a scale shared between them would lose the small ones.
    for (let i = 0; i < numbers.length; i++) numbers[i] *= 10 ** -(Math.floor(i / 48) % 5);
    const weight = quantizeInt8(weightOf([64, 48], numbers));
    const decoded = toFloat32(weight);
    for (let i = 0; i < numbers.length; i++) {
      const scale = weight.scales[Math.floor(i / 48)];
      expect(Math.abs(decoded[i] - numbers[i])).to.be.at.most(0.5001 * scale);
    }
  });

  it('decodes any rows to the front of the target, the same as in whole', () => {
    const weight = quantizeInt8(weightOf([5, 4], new Random(6).uniform(20, -1, 1)));
    const part = new Float32Array(8);
    weight.decode(2, 4, part);
    expect([...part]).to.deep.equal([...toFloat32(weight).subarray(8, 16)]);
  });

  it('keeps a row of zeros, and refuses numbers that are not finite with their row', () => {
    expect([...toFloat32(quantizeInt8(weightOf([2, 2], [0, 0, 1, -1])))]).to.deep.equal([0, 0, 1, -1]);
    expect(() => quantizeInt8(weightOf([2, 2], [1, 2, Number.NaN, 1]))).to.throw(
      NotFiniteError,
      'row 1 holds NaN',
    );
    expect(() => quantizeInt8(weightOf([1, 1], [Number.NEGATIVE_INFINITY]))).to.throw(
      NotFiniteError,
      '-Infinity',
    );
  });
});

describe('the quantizer int8', () => {
  it('says what the layers are computed in; the output is left to the device', async () => {
    const computeOf = (quantizer: string | object) =>
      withModel({ model: LLAMA, quantizer }, (model) =>
        model.linears.map(({ weight, isOutput }) => (isOutput ? 'output' : weight.compute)),
      );
    expect(new Set(await computeOf('int8'))).to.deep.equal(new Set([undefined, 'output']));
    expect(new Set(await computeOf({ name: 'int8', compute: 'bf16' }))).to.deep.equal(
      new Set(['bf16', 'output']),
    );
  });

  it('refuses other options', async () => {
    for (const options of [{ bits: 4 }, { compute: 'fp16' }]) {
      const [key] = Object.keys(options);
      const load = () => compose({ quantizer: { name: 'int8', ...options } });
      await expectError(load, 'PLUGIN_INVALID', `quantizer.${key}`);
    }
  });
});
