import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { DenseWeight, encodeFloats, toFloat32 } from '../../../core/index.js';
import { Random } from '../../../core/random.js';
import { quantizeInt8 } from '../../../plugins/quantizers/int8/int8-weight.js';
import { compose, floatsOf, readFixture, withModel } from '../../support/compose.js';
import { expectError } from '../../support/errors.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { type ExpectedLlama, LLAMA, PEFT_ADAPTER } from '../../support/llama-fixture.js';

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
      RangeError,
      'row 1 holds NaN',
    );
    expect(() => quantizeInt8(weightOf([1, 1], [Number.NEGATIVE_INFINITY]))).to.throw(
      RangeError,
      '-Infinity',
    );
  });
});

describe('the quantizer int8', () => {
  const int8 = { model: LLAMA, quantizer: 'int8' };

  it('takes every linear layer but the output, and leaves the logits near', () =>
    withModel(int8, (model) => {
      const stored = (isOutput: boolean) => [
        ...new Set(
          model.linears.filter((site) => site.isOutput === isOutput).map((site) => site.weight.storage),
        ),
      ];
      expect(stored(false)).to.deep.equal(['int8']);
      expect(stored(true)).to.deep.equal(['f32']);
      const expected = readFixture<ExpectedLlama>('llama', 'expected.json');
      const [{ inputIds }] = expected.rows;
      const ids = Int32Array.from(inputIds);
      const batch = model.collate([{ inputIds: ids, labels: ids }]);
      const logits = tf.tidy(() =>
        model.logits(batch, { training: false, seed: 0, checkpointing: false }).dataSync(),
      );
      const exact = floatsOf(expected.logits).subarray(0, logits.length);
      const [error, size] = [logits.map((logit, i) => logit - exact[i]), exact].map((numbers) =>
        Math.hypot(...numbers),
      );
      expect(error / size).to.be.within(1e-4, 3e-2);
    }));

  it('lets gradients through to an adapter', () =>
    withModel({ ...int8, adapter: PEFT_ADAPTER }, (model) => {
      const ids = Int32Array.from([1, 301, 274, 277, 288]);
      const batch = model.collate([{ inputIds: ids, labels: ids }]);
      const pass = { training: true, seed: 0, checkpointing: false };
      const { value, grads } = tf.variableGrads(() => model.loss(batch, pass), [...model.trainable.values()]);
      for (const [name, variable] of model.trainable) {
        const size = tf.tidy(() => tf.norm(grads[variable.name]).dataSync()[0]);
        expect(size, name).to.be.above(1e-3);
      }
      tf.dispose([value, grads]);
    }));

  it('takes no options', () =>
    expectError(() => compose({ quantizer: { name: 'int8', bits: 4 } }), 'PLUGIN_INVALID', 'quantizer.bits'));

  it('refuses a checkpoint with a number that is not finite, and names the tensor and the row', async () => {
    const folder = new TemporaryFolder();
    try {
      cpSync(fixture('llama'), folder.path, { recursive: true });
      const file = folder.join('model.safetensors');
      const bytes = readFileSync(file);
      const length = Number(bytes.readBigUInt64LE(0));
      const header = JSON.parse(bytes.toString('utf8', 8, 8 + length));
      const name = 'model.layers.1.mlp.up_proj.weight';
      const at = 8 + length + header[name].data_offsets[0] + 4 * (3 * 32 + 7);
      bytes.writeFloatLE(Number.POSITIVE_INFINITY, at);
      writeFileSync(file, bytes);
      const load = () => withModel({ model: { path: folder.path }, quantizer: 'int8' }, () => {});
      await expectError(load, 'CHECKPOINT_INVALID', folder.path, name, 'row 3 holds Infinity');
    } finally {
      folder.remove();
    }
  });
});
