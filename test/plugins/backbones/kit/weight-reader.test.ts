import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import type { TensorToWrite } from '../../../../core/index.js';
import { changeTensors } from '../../../support/checkpoints.js';
import { withModel } from '../../../support/compose.js';
import { expectError } from '../../../support/errors.js';
import { fixture, TemporaryFolder } from '../../../support/files.js';
import { DEVICES, lastLogitsOf, readParity, rowsOf } from '../../../support/parity.js';
import { skip } from '../../../support/skip.js';

type Tensors = Map<string, TensorToWrite>;

describe('the tensors of a checkpoint', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  const take = (name: string) => cpSync(fixture(name), folder.path, { recursive: true });
  const logitsWith = (name: string, device?: object | string) =>
    withModel({ model: { path: folder.path }, ...(device && { device }) }, (model) =>
      lastLogitsOf(model, model.collate(rowsOf(readParity(name)))),
    );
  const load = () => withModel({ model: { path: folder.path } }, () => {});
  const zeros = (...shape: number[]): TensorToWrite => ({
    shape,
    values: new Float32Array(shape.reduce((product, extent) => product * extent, 1)),
  });

  for (const [name, embedding] of [
    ['qwen2', 'model.embed_tokens.weight'],
    ['bloom', 'word_embeddings.weight'],
  ] as const) {
    const outputOf = (tensors: Tensors) => {
      const { type, shape, values } = tensors.get(embedding)!;
      const copy = (values as Float32Array).slice();
      tensors.set('lm_head.weight', { type, shape, values: copy });
      return copy;
    };

    for (const { title, device, missing } of DEVICES) {
      it(`may hold a tied output once more: ${name} on ${title}`, async function () {
        if (missing !== undefined) skip(this, missing);
        take(name);
        const before = await logitsWith(name, device);
        await changeTensors(folder.path, outputOf);
        expect(await logitsWith(name, device)).to.deep.equal(before);
      });
    }

    it(`may hold a tied output alone, as safetensors' save_model writes it: ${name}`, async () => {
      take(name);
      const before = await logitsWith(name);
      await changeTensors(folder.path, (tensors) => {
        outputOf(tensors);
        tensors.delete(embedding);
      });
      expect(await logitsWith(name)).to.deep.equal(before);
    });

    it(`are refused with an output that is another than the embedding to which it is tied: ${name}`, async () => {
      take(name);
      await changeTensors(folder.path, (tensors) => {
        outputOf(tensors)[7] += 1;
      });
      await expectError(load, 'MODEL_INVALID', 'lm_head.weight', 'tie_word_embeddings', 'set that to false');
    });
  }

  it('are refused with some that the model has no place for, all named in one error', async () => {
    take('mistral');
    await changeTensors(folder.path, (tensors) => {
      tensors.set('model.layers.0.self_attn.q_proj.bias', zeros(32));
      tensors.set('model.layers.2.input_layernorm.weight', zeros(24));
    });
    await expectError(
      load,
      'MODEL_INVALID',
      folder.path,
      'model.layers.0.self_attn.q_proj.bias [32] has no place',
      'model.layers.2.input_layernorm.weight [24] has no place',
    );
  });

  it('are refused with those of a wrong type or shape, all named in one error, before any is read', async () => {
    take('mistral');
    const [first, second] = ['model.layers.0.mlp.up_proj.weight', 'model.layers.1.input_layernorm.weight'];
    await changeTensors(folder.path, (tensors) => {
      tensors.set('model.layers.0.self_attn.q_proj.weight', zeros(8, 8));
    });
    // Numbers of four bytes all the same.
    const file = folder.join('model.safetensors');
    const bytes = readFileSync(file);
    const length = Number(bytes.readBigUInt64LE());
    const header = JSON.parse(bytes.toString('utf8', 8, 8 + length));
    for (const name of [first, second]) header[name].dtype = 'I32';
    const text = JSON.stringify(header).padEnd(length);
    expect(text).to.have.lengthOf(length);
    bytes.write(text, 8);
    writeFileSync(file, bytes);
    await expectError(
      load,
      'MODEL_INVALID',
      `${first} is of type I32; known are F32, F16, BF16, F64`,
      `${second} is of type I32`,
      'model.layers.0.self_attn.q_proj.weight is [8,8], but config.json makes it [',
      'floating-point numbers',
    );
  });

  it('may hold what models compute by themselves, as older checkpoints do', async () => {
    take('mistral');
    const before = await logitsWith('mistral');
    await changeTensors(folder.path, (tensors) => {
      tensors.set('model.layers.0.self_attn.rotary_emb.inv_freq', zeros(4));
      tensors.set('model.layers.0.self_attn.masked_bias', zeros());
      tensors.set('model.embed_tokens.position_ids', zeros(1, 512));
    });
    expect(await logitsWith('mistral')).to.deep.equal(before);
  });
});
