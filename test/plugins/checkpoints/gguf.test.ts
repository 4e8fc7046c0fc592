import { cpSync, existsSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { GENERATE_DEFAULTS, generate } from '../../../core/generation/generate.js';
import { openCheckpoint, readTensors } from '../../support/checkpoints.js';
import { readFixture, saveAdapter, withModel } from '../../support/compose.js';
import { expectError } from '../../support/errors.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import {
  configOf,
  DATA,
  EMBEDDING,
  type GgufMetadata,
  type GgufTensor,
  ggufOf,
  METADATA,
} from '../../support/gguf.js';
import { type ExpectedLlama, LLAMA } from '../../support/llama-fixture.js';
import { describeNative } from '../../support/native.js';
import { labelled } from '../../support/rows.js';

const gguf = (name: string) => fixture('gguf', name);
const parts = [1, 2, 3].map((part) => `qwen2-0000${part}-of-00003.gguf`);

describe('the checkpoint format gguf', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  describe('gguf, read', () => {
    describeNative('where files are mapped', () => {
      it('every type, to the bit, under the names of transformers', async () => {
        await tf.setBackend('native');
        expect(await readTensors(gguf('types.gguf'))).to.deep.equal(
          await readTensors(gguf('types.safetensors')),
        );
      });
    });

    it('a LLaMA in f32 is the very one that it was made of', async () => {
      expect(await readTensors(gguf('llama.gguf'))).to.deep.equal(await readTensors(fixture('llama')));
      const original = readFixture<Record<string, unknown>>('llama', 'config.json');
      const config = await configOf(gguf('llama.gguf'));
      const { rope_theta: theta, ...same } = config;
      expect(theta).to.equal(10000);
      for (const [key, value] of Object.entries(same)) expect(value, key).to.deep.equal(original[key]);
      expect(config).to.include.keys('model_type', 'head_dim', 'rms_norm_eps', 'eos_token_id');
    });

    it('fp64, as fp32', async () => {
      const data = Buffer.alloc(256);
      for (let i = 0; i < 32; i++) data.writeDoubleLE(i + 0.1, 8 * i);
      const embedding = { extents: [8, 4], type: 28 };
      const file = folder.write('x.gguf', ggufOf(METADATA, { 'token_embd.weight': embedding }, data));
      const values = Array.from({ length: 32 }, (_, i) => Math.fround(i + 0.1));
      expect(await readTensors(file)).to.deep.equal({
        'model.embed_tokens.weight': { type: 'f32', shape: [4, 8], values },
      });
    });

    it('a model split in files, by any of them or their folder, with its biases, and no rows reordered', async () => {
      const expected = await readTensors(gguf('qwen2.safetensors'));
      expect(Object.keys(expected)).to.include('model.layers.0.self_attn.q_proj.bias');
      for (const part of parts) {
        cpSync(gguf(part), folder.join(part));
        expect(await readTensors(gguf(part))).to.deep.equal(expected);
      }
      expect(await readTensors(folder.path)).to.deep.equal(expected);
      expect(await configOf(folder.path)).to.include({
        model_type: 'qwen2',
        vocab_size: 32,
        rope_theta: 1e6,
        rms_norm_eps: 1e-6,
        tie_word_embeddings: true,
      });
    });

    it('a model loads from the file, or its folder, and computes what it should', async () => {
      cpSync(gguf('llama.gguf'), folder.join('x.gguf'));
      // What lies beside it is of another model.
      folder.write('tokenizer.json', '{}');
      const { prompt } = readFixture<ExpectedLlama>('llama', 'expected.json');
      const logitsOf = (path: string) =>
        withModel({ model: { path } }, (model) => {
          const ids = Int32Array.from(prompt);
          const batch = model.collate([labelled(ids)]);
          return tf.tidy(() => model.nextLogits(batch).dataSync().slice());
        });
      const expected = await logitsOf(LLAMA.path);
      expect(await logitsOf(folder.join('x.gguf'))).to.deep.equal(expected);
      expect(await logitsOf(folder.path)).to.deep.equal(expected);
    });

    for (const name of ['qwen3', 'bloom']) {
      it(`a model of the architecture ${name} is the very one that it was made of`, async () => {
        // Vectors are in f32 there; and bloom/ has names without the prefix, as bigscience's own checkpoints.
        const numbersOf = async (location: string) =>
          Object.fromEntries(
            Object.entries(await readTensors(location)).map(([key, { shape, values }]) => [
              key.replace('transformer.', ''),
              { shape, values },
            ]),
          );
        expect(await numbersOf(gguf(`${name}.gguf`))).to.deep.equal(await numbersOf(fixture(name)));
        const original = readFixture<Record<string, unknown>>(name, 'config.json');
        const { rope_theta: theta, n_inner: inner, ...same } = await configOf(gguf(`${name}.gguf`));
        expect(theta ?? inner).to.equal(name === 'qwen3' ? 10000 : 128);
        for (const [key, value] of Object.entries(same)) expect(value, key).to.deep.equal(original[key]);
      });
    }

    it('a BLOOM answers as the folder does that it was made of', async () => {
      const answer = (path: string) =>
        withModel({ model: { path } }, (model, { encoder }) =>
          generate(
            model,
            encoder,
            { instruction: '写一个 word.', input: '' },
            { ...GENERATE_DEFAULTS, maxNewTokens: 24 },
          ),
        );
      expect(await answer(gguf('bloom.gguf'))).to.deep.equal(await answer(fixture('bloom')));
    });

    it('texts of many megabytes in its metadata', async () => {
      const long = 'x'.repeat(9_000_000);
      const bytes = ggufOf({ ...METADATA, long }, { 'token_embd.weight': EMBEDDING }, DATA);
      expect(Object.keys(await readTensors(folder.write('x.gguf', bytes)))).to.have.lengthOf(1);
    });

    it('a model that is trained as a whole is saved in the layout of transformers', () => {
      cpSync(gguf('llama.gguf'), folder.join('x.gguf'));
      const values = { model: { path: folder.join('x.gguf') }, adapter: { method: 'full' } };
      return withModel(values, async (model, run) => {
        const saved = new TemporaryFolder();
        try {
          await saveAdapter(run, model, saved.path);
          expect(await readTensors(saved.path)).to.deep.equal(await readTensors(fixture('llama')));
          const config = JSON.parse(readFileSync(saved.join('config.json'), 'utf8'));
          expect(config).to.include({ model_type: 'llama', hidden_size: 32 });
          expect(existsSync(saved.join('tokenizer.model'))).to.equal(true);
        } finally {
          saved.remove();
        }
      });
    });

    it('a folder that has the weights in another format too is read from that', async () => {
      folder.write('x.gguf', 'never opened');
      cpSync(fixture('llama', 'model.safetensors'), folder.join('model.safetensors'));
      const checkpoint = await openCheckpoint(folder.path);
      await checkpoint.close();
      expect(checkpoint.files).to.equal(undefined);
    });
  });

  describe('a gguf file that lies is refused by name:', () => {
    const refused = (content: string | Uint8Array, ...told: (string | RegExp)[]) => {
      const file = folder.write('x.gguf', content);
      return expectError(() => openCheckpoint(file), 'CHECKPOINT_INVALID', file, ...told);
    };
    const fileOf = (tensor: Partial<GgufTensor>, name = 'token_embd.weight') =>
      ggufOf(METADATA, { 'token_embd.weight': EMBEDDING, [name]: { ...EMBEDDING, ...tensor } }, DATA);

    it('an unknown quantization, with those that are known', async () => {
      await refused(fileOf({ type: 10 }), '"token_embd.weight" is of type Q2_K', 'Q4_K, Q5_K, Q6_K');
      await refused(fileOf({ type: 199 }), 'of type number 199');
    });

    it('a tensor that no such model has', () =>
      refused(fileOf({}, 'blk.0.attn_q_norm.weight'), '"blk.0.attn_q_norm.weight"'));

    it('rows that do not divide into blocks', () =>
      refused(fileOf({ type: 8 }), '[4,8]', 'blocks of 32 of Q8_0'));

    it('tensors that overlap or leave a hole, and an alignment that is none', async () => {
      for (const offset of [0, 64, 256, 135])
        await refused(
          fileOf({ offset }, 'output.weight'),
          '"output.weight" begins at byte',
          'should begin at',
        );
      const bytes = ggufOf({ ...METADATA, 'general.alignment': 3 }, { 'token_embd.weight': EMBEDDING }, DATA);
      await refused(bytes, '"general.alignment" should be a power of two, but is 3');
    });

    it('a tensor beyond the end', () => refused(fileOf({ offset: 1024 }), 'cut off', '"token_embd.weight"'));

    it('extents beyond all measure, or of nothing', async () => {
      await refused(fileOf({ extents: [2 ** 31, 2 ** 31] }), 'is cut off');
      await refused(fileOf({ extents: [0, 4] }), '"token_embd.weight" of shape [4,0] holds nothing');
      await refused(fileOf({ type: 8, extents: [0] }, 'rope_freqs.weight'), 'holds nothing');
      await refused(
        fileOf({ extents: [4, 2] }, 'rope_freqs.weight'),
        '"rope_freqs.weight" is [2,4]',
        'a vector',
      );
      await refused(fileOf({ extents: [] }, 'rope_freqs.weight'), '"rope_freqs.weight" is []', 'a vector');
    });

    it('a head that is cut off, wherever, and data that is', async () => {
      const bytes = readFileSync(gguf('types.gguf'));
      for (let length = 0; length < 2000; length += 53) await refused(bytes.subarray(0, length));
      await refused(bytes.subarray(0, bytes.length - 33), 'cut off');
    });

    it('a list or a text without end', async () => {
      const bytes = ggufOf({ a: 'text', b: ['x'] }, {}, DATA);
      bytes.writeBigUInt64LE(2n ** 60n, bytes.indexOf('text') - 8);
      await refused(bytes, 'cut off');
    });

    it('a list of more values than can be meant, in a file large enough for them, before it is read', async () => {
      const bytes = ggufOf({ b: ['x'] }, {}, DATA);
      // A file of zeros that takes no room: the list is one of bytes then.
      const list = bytes.indexOf('b', 24) + 1 + 4;
      bytes.writeUInt32LE(0, list);
      bytes.writeBigUInt64LE(10n ** 9n, list + 4);
      const file = folder.write('x.gguf', bytes);
      truncateSync(file, 2e9);
      await expectError(() => openCheckpoint(file), 'CHECKPOINT_INVALID', 'lists of 1000000000 values');
    });

    it('a key or a tensor that is there twice, as in a file of zeros', async () => {
      for (const [at, told] of [
        [16, 'its metadata has "" twice'],
        [8, 'holds the tensor "" twice'],
      ] as const) {
        const bytes = ggufOf({}, {}, new Uint8Array(4096));
        bytes.writeBigUInt64LE(10n ** 9n, at);
        await refused(bytes, told);
      }
    });

    it('what is no GGUF file, or of a version to come', async () => {
      await refused('<!DOCTYPE html>', 'GGUF');
      await refused(ggufOf(METADATA, {}, DATA, 9), 'version');
    });

    it('a number in blocks that is larger than an f16', async () => {
      // One block of Q8_0: a scale of 65504, then 127.
      const block = Buffer.alloc(34, 127);
      block.writeUInt16LE(0x7bff, 0);
      const bytes = ggufOf(
        METADATA,
        { 'token_embd.weight': { extents: [32, 1], type: 8, offset: 0 } },
        block,
      );
      const file = folder.write('x.gguf', bytes);
      await expectError(() => readTensors(file), 'CHECKPOINT_INVALID', '"token_embd.weight"', '65504');
    });

    it('a missing part of several; it is named', async () => {
      for (const part of parts) cpSync(gguf(part), folder.join(part));
      rmSync(folder.join(parts[1]));
      await expectError(() => openCheckpoint(folder.join(parts[0])), 'CHECKPOINT_INVALID', parts[1]);
    });

    it('a part of another model, or under another name', async () => {
      const refusedParts = async (change: () => void, ...told: string[]) => {
        for (const part of parts) cpSync(gguf(part), folder.join(part));
        change();
        await expectError(() => openCheckpoint(folder.join(parts[0])), 'CHECKPOINT_INVALID', ...told);
      };
      const of = (split: GgufMetadata, name = 'token_embd.weight') =>
        ggufOf({ ...METADATA, ...split }, { [name]: EMBEDDING }, DATA);
      const put = (part: number, content: Uint8Array) => () => folder.write(parts[part], content);
      const third = { 'split.no': 2, 'split.count': 3, 'split.tensors.count': 14 };
      await refusedParts(put(2, of(third, 'blk.7.ffn_up.weight')), parts[0], '14 tensors', 'hold 11');
      await refusedParts(
        put(2, of({ ...third, 'split.count': 5 }, 'blk.7.ffn_up.weight')),
        parts[2],
        'part 3 of 5',
      );
      await refusedParts(put(2, of(third)), parts[2], 'stands in an earlier file');
      await refusedParts(
        () => cpSync(gguf(parts[1]), folder.join(parts[2])),
        parts[2],
        'is part 2 of 3',
        '3 of 3',
      );
    });

    it('a part alone that says so; but not what was put together again, or is only called so', async () => {
      const alone = folder.write('x.gguf', readFileSync(gguf(parts[0])));
      await expectError(() => openCheckpoint(alone), 'CHECKPOINT_INVALID', 'part 1 of 3', '1 of 1');
      const whole = ggufOf({ ...METADATA, 'split.count': 0 }, { 'token_embd.weight': EMBEDDING }, DATA);
      for (const name of ['x.gguf', 'x-00001-of-00000.gguf', 'x-00004-of-00003.gguf']) {
        const file = folder.write(`sub/${name}`, whole);
        expect((await configOf(file)).hidden_size).to.equal(8);
      }
    });

    it('a folder with several models; they are named', async () => {
      for (const name of ['a.gguf', 'b.gguf']) cpSync(gguf('llama.gguf'), folder.join(name));
      await expectError(
        () => openCheckpoint(folder.path),
        'CHECKPOINT_INVALID',
        'a.gguf, b.gguf',
        'model.path',
      );
    });
  });
});
