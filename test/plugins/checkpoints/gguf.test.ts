import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import type { CheckpointWrite, DenseType } from '../../../core/index.js';
import { openCheckpoint, readTensors } from '../../support/checkpoints.js';
import { compose, readFixture, saveAdapter, withModel } from '../../support/compose.js';
import { expectError } from '../../support/errors.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { type GgufMetadata, type GgufTensor, ggufOf } from '../../support/gguf.js';
import { type ExpectedLlama, LLAMA } from '../../support/llama-fixture.js';
import { describeNative } from '../../support/native.js';

const gguf = (name: string) => fixture('gguf', name);
const parts = [1, 2, 3].map((part) => `qwen2-0000${part}-of-00003.gguf`);

/** What a model of one layer and width 8 says of itself. */
const METADATA: GgufMetadata = {
  'general.architecture': 'llama',
  'llama.embedding_length': 8,
  'llama.feed_forward_length': 16,
  'llama.block_count': 1,
  'llama.context_length': 32,
  'llama.attention.head_count': 2,
  'llama.attention.layer_norm_rms_epsilon': 1e-5,
};
const EMBEDDING = { extents: [8, 4], type: 0, offset: 0 };
const DATA = new Uint8Array(1024);

/** What the virtual config.json says. */
async function configOf(location: string): Promise<Record<string, unknown>> {
  const checkpoint = await openCheckpoint(location);
  await checkpoint.close();
  return JSON.parse(new TextDecoder().decode(checkpoint.files?.get('config.json')));
}

describe('the checkpoint format gguf', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  describe('gguf, read', () => {
    const readsAllTypes = async () =>
      expect(await readTensors(gguf('types.gguf'))).to.deep.equal(
        await readTensors(gguf('types.safetensors')),
      );

    it('every type, to the bit, under the names and in the order of transformers', readsAllTypes);

    describeNative('where files are mapped', () => {
      it('every type is the same', async () => {
        await tf.setBackend('native');
        await readsAllTypes();
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
          const batch = model.collate([{ inputIds: ids, labels: ids }]);
          return tf.tidy(() => model.nextLogits(batch).dataSync().slice());
        });
      const expected = await logitsOf(LLAMA.path);
      expect(await logitsOf(folder.join('x.gguf'))).to.deep.equal(expected);
      expect(await logitsOf(folder.path)).to.deep.equal(expected);
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

  describe('gguf, written', () => {
    const files = new Map(
      ['config.json', 'tokenizer.json'].map((name) => [name, readFileSync(fixture('llama', name))]),
    );
    /** The embedding of a file with these numbers in it, as it is read again. */
    const written = async (type: CheckpointWrite['type'], values: Float32Array, own?: DenseType) => {
      const path = folder.join('x.gguf');
      const { hooks } = await compose();
      const tensors = new Map([
        ['model.embed_tokens.weight', { shape: [values.length / 32, 32], values, type: own }],
      ]);
      expect(await hooks.writeCheckpoint.promise({ path, tensors, type, files })).to.equal(true);
      return (await readTensors(path))['model.embed_tokens.weight'];
    };

    it('each tensor in its own type, others in the one that is asked for', async () => {
      const ones = new Float32Array(64).fill(1);
      expect(await written('f16', ones, 'bf16')).to.include({ type: 'bf16' });
      expect(await written('f16', ones)).to.include({ type: 'f16' });
    });

    it('with what config.json leaves out from the tensors, or not at all', async () => {
      const path = folder.join('x.gguf');
      const { hooks } = await compose();
      const zeros = (rows: number) => ({ shape: [rows, 32], values: new Float32Array(32 * rows) });
      const tensors = new Map([
        ['model.embed_tokens.weight', zeros(4)],
        ['model.layers.0.self_attn.k_proj.weight', zeros(16)],
      ]);
      const writeWithout = (key: string) => {
        const { [key]: _, ...rest } = readFixture<Record<string, unknown>>('llama', 'config.json');
        const config = Buffer.from(JSON.stringify({ ...rest, model_type: 'mistral' }));
        return hooks.writeCheckpoint.promise({
          path,
          tensors,
          files: new Map([...files, ['config.json', config]]),
        });
      };
      await writeWithout('num_key_value_heads');
      expect((await configOf(path)).num_key_value_heads).to.equal(2);
      const key = 'max_position_embeddings';
      await expectError(() => writeWithout(key), 'MODEL_INVALID', key);
    });

    it('not where a number is larger than any of the type', async () => {
      const large = new Float32Array(32).fill(70_000);
      await expectError(
        () => written('f16', large),
        'NOT_FINITE',
        'token_embd.weight',
        '70000',
        'bf16 or f32',
      );
      const larger = new Float32Array(32).fill(1e7);
      await expectError(() => written('q8_0', larger), 'NOT_FINITE', 'token_embd.weight', 'bf16 or f32');
      expect(readdirSync(folder.path)).to.deep.equal([]);
    });
  });

  describe('of the settings', () => {
    const config = (metadata: GgufMetadata, tensors: Record<string, GgufTensor> = {}, data = DATA) =>
      configOf(
        folder.write(
          'x.gguf',
          ggufOf({ ...METADATA, ...metadata }, { 'token_embd.weight': EMBEDDING, ...tensors }, data),
        ),
      );

    it('those that are left out are those of the first LLaMA', async () =>
      expect(await config({})).to.include({
        num_key_value_heads: 2,
        head_dim: 4,
        vocab_size: 4,
        rope_theta: 10000,
        rms_norm_eps: 1e-5,
        tie_word_embeddings: true,
        attention_bias: false,
      }));

    it('an output of its own and biases are told by the tensors', async () => {
      const biases = (...modules: string[]) =>
        Object.fromEntries(
          modules.map((module) => [`blk.0.${module}.bias`, { extents: [8], type: 0, offset: 128 }]),
        );
      const attention = biases('attn_q', 'attn_k', 'attn_v', 'attn_output');
      const output = { 'output.weight': EMBEDDING };
      const told = await config({}, { ...output, ...attention });
      expect(told).to.include({ tie_word_embeddings: false, attention_bias: true, mlp_bias: false });
      const mlp = biases('ffn_gate', 'ffn_up', 'ffn_down');
      expect(await config({}, mlp)).to.include({ attention_bias: false, mlp_bias: true });
      await expectError(
        () => config({}, biases('attn_q', 'attn_k', 'attn_v')),
        'CHECKPOINT_INVALID',
        '3 biases of attn_q, attn_k, attn_v, attn_output',
        '1 layers have 4',
      );
      await expectError(
        () => config({}, biases('attn_norm')),
        'CHECKPOINT_INVALID',
        '"blk.0.attn_norm.bias"',
      );
    });

    const scaled = async (settings: GgufMetadata) => {
      const whole = Object.entries(settings).map(([key, value]) => [`llama.rope.${key}`, value]);
      return (await config(Object.fromEntries(whole))).rope_scaling;
    };

    it('positions that are scaled in proportion, as newer and older files say it', async () => {
      const linear = { rope_type: 'linear', factor: 4 };
      expect(await scaled({ 'scaling.type': 'linear', 'scaling.factor': 4 })).to.deep.equal(linear);
      expect(await scaled({ 'scaling.factor': 4, 'scaling.finetuned': true })).to.deep.equal(linear);
      expect(await scaled({ scale_linear: 4 })).to.deep.equal(linear);
      for (const none of [{ 'scaling.type': 'none', 'scaling.factor': 4 }, { scale_linear: 1 }, {}])
        expect(await scaled(none as GgufMetadata)).to.equal(undefined);
    });

    it("YaRN's, with all that it can be told", async () => {
      const yarn = { 'scaling.type': 'yarn', 'scaling.factor': 2.5, 'scaling.original_context_length': 16 };
      const plain = { rope_type: 'yarn', factor: 2.5, original_max_position_embeddings: 16 };
      expect(await scaled(yarn)).to.deep.equal(plain);
      const whole = {
        ...yarn,
        'scaling.yarn_ext_factor': 1,
        'scaling.yarn_attn_factor': 0.75,
        'scaling.yarn_beta_fast': 16,
        'scaling.yarn_beta_slow': 2,
      };
      const told = { ...plain, attention_factor: 0.75, beta_fast: 16, beta_slow: 2 };
      expect(await scaled(whole)).to.deep.equal(told);
      // llama.cpp multiplies this one with YaRN's own.
      const { attention_factor: product } = (await scaled({ ...yarn, 'scaling.attn_factor': 0.5 })) as {
        attention_factor: number;
      };
      expect(product).to.be.closeTo(0.5 * (0.1 * Math.log(2.5) + 1), 1e-6);
    });

    it('no other scaling, nor settings that are not known: each is named with its value', async () => {
      const refused = (settings: GgufMetadata, ...told: string[]) =>
        expectError(() => scaled(settings), 'CHECKPOINT_INVALID', ...told);
      await refused({ 'scaling.type': 'longrope' }, '"longrope"', 'linear and yarn');
      const linear = { 'scaling.type': 'linear', 'scaling.factor': 4 };
      await refused({ ...linear, 'scaling.attn_factor': 1.5 }, '"llama.rope.scaling.attn_factor" is 1.5');
      const yarn = { ...linear, 'scaling.type': 'yarn' };
      await refused({ ...yarn, 'scaling.yarn_log_multiplier': 0.5 }, 'scaling.yarn_log_multiplier" is 0.5');
      await refused({ ...yarn, 'scaling.yarn_ext_factor': 0.5 }, 'scaling.yarn_ext_factor" is 0.5');
    });

    // Of Llama 3.2: base 500,000, heads of 64, factor 32. Long waves 32 times slower, short ones as they were.
    const llama3 = Array.from({ length: 32 }, (_, i) => {
      const wave = 2 * Math.PI * 500000 ** (i / 32);
      if (wave < 8192 / 4) return 1;
      if (wave > 8192) return 32;
      const smooth = (8192 / wave - 1) / 3;
      return 1 / ((1 - smooth) / 32 + smooth);
    });
    const withFactors = (factors: readonly number[], more: GgufMetadata = {}) => {
      const data = Buffer.concat([Buffer.alloc(1024), Buffer.from(Float32Array.from(factors).buffer)]);
      const metadata = {
        'llama.embedding_length': 128,
        'llama.rope.freq_base': 500000,
        'llama.rope.dimension_count': 64,
        ...more,
      };
      const tensors = { 'rope_freqs.weight': { extents: [factors.length], type: 0, offset: 1024 } };
      return config(metadata, { ...tensors, 'token_embd.weight': { ...EMBEDDING, extents: [128, 2] } }, data);
    };

    it("Llama 3's, from the divisors of its frequencies; others are refused", async () => {
      expect(llama3.filter((factor) => factor > 1 && factor < 32)).to.have.length.above(1);
      expect((await withFactors(llama3)).rope_scaling).to.deep.equal({
        rope_type: 'llama3',
        factor: 32,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 8192,
      });
      const others = llama3.map((factor, i) => (i === 17 ? factor * 1.01 : factor));
      await expectError(() => withFactors(others), 'CHECKPOINT_INVALID', 'rope_freqs.weight', 'Llama 3');
      const scaling = { 'llama.rope.scaling.factor': 4 };
      await expectError(
        () => withFactors(llama3, scaling),
        'CHECKPOINT_INVALID',
        'rope_freqs.weight',
        'linear',
      );
    });

    it("Llama 3's with other settings, where the file tells them and they yield its divisors", async () => {
      const settings = {
        rope_type: 'llama3',
        factor: 32,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 8192,
      };
      const told = (parameters: string) =>
        withFactors(llama3, { 'transformers.rope_parameters': parameters });
      expect((await told(JSON.stringify(settings))).rope_scaling).to.deep.equal(settings);
      const others = JSON.stringify({ ...settings, original_max_position_embeddings: 4096 });
      for (const lie of [others, '{', '{}'])
        await expectError(() => told(lie), 'CHECKPOINT_INVALID', 'rope_freqs.weight');
    });

    const refusals: [what: string, metadata: GgufMetadata, ...told: string[]][] = [
      ['another architecture', { 'general.architecture': 'mamba' }, '"mamba"', 'llama, qwen2'],
      ['a mixture of experts', { 'llama.expert_count': 8 }, 'mixture of experts'],
      ['a number that is a text', { 'llama.block_count': 'two' }, '"llama.block_count"', '"two"'],
      ['heads that turn in part', { 'llama.rope.dimension_count': 2 }, '2 that are turned'],
    ];
    for (const [what, metadata, ...told] of refusals)
      it(`refuses ${what}`, () => expectError(() => config(metadata), 'CHECKPOINT_INVALID', ...told));

    it('refuses a file that leaves out what it must say', () => {
      const { 'llama.context_length': _, ...rest } = METADATA;
      const file = folder.write('x.gguf', ggufOf(rest, { 'token_embd.weight': EMBEDDING }, DATA));
      return expectError(() => openCheckpoint(file), 'CHECKPOINT_INVALID', file, '"llama.context_length"');
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

    it('a tensor beyond the end', () => refused(fileOf({ offset: 1024 }), 'cut off', '"token_embd.weight"'));

    it('extents beyond all measure', () => refused(fileOf({ extents: [2 ** 31, 2 ** 31] }), /./));

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
