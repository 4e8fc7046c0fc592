import { expect } from 'chai';
import { parseLlamaConfig } from '../../../../plugins/backbones/llama/config.js';
import { readFixture } from '../../../support/compose.js';
import { expectError } from '../../../support/errors.js';
import { TemporaryFolder } from '../../../support/files.js';
import {
  configRewritten,
  configWith,
  DATA,
  EMBEDDING,
  type GgufMetadata,
  type GgufTensor,
} from '../../../support/gguf.js';

describe("a LLaMA's settings, read from GGUF", () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  const config = (metadata: GgufMetadata, tensors: Record<string, GgufTensor> = {}, data = DATA) =>
    configWith(folder, metadata, tensors, data);

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
    const tensors = { 'rope_freqs.weight': { extents: [factors.length], type: 0 } };
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
    const told = (parameters: string) => withFactors(llama3, { 'transformers.rope_parameters': parameters });
    expect((await told(JSON.stringify(settings))).rope_scaling).to.deep.equal(settings);
    const others = JSON.stringify({ ...settings, original_max_position_embeddings: 4096 });
    for (const lie of [others, '{', '{}'])
      await expectError(() => told(lie), 'CHECKPOINT_INVALID', 'rope_freqs.weight');
  });

  it('no heads that turn in part', () =>
    expectError(
      () => config({ 'llama.rope.dimension_count': 2 }),
      'CHECKPOINT_INVALID',
      '2 that are turned',
    ));
});

describe("a LLaMA's config.json, written to GGUF", () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  const llama = readFixture<Record<string, unknown>>('llama', 'config.json');

  it('with what config.json leaves out as it is for models of this type', async () => {
    const { num_key_value_heads: _, max_position_embeddings: __, ...rest } = llama;
    const first = await configRewritten(folder, rest);
    expect(first).to.include({ num_key_value_heads: 4, max_position_embeddings: 2048 });
    const mistral = await configRewritten(folder, { ...rest, model_type: 'mistral', num_attention_heads: 8 });
    expect(mistral).to.include({ num_key_value_heads: 8 });
  });

  it('of a model with a sliding window no more positions than that has', async () => {
    const positions = async (config: object) =>
      (await configRewritten(folder, config)).max_position_embeddings;
    const mistral = { ...llama, model_type: 'mistral', max_position_embeddings: 32768 };
    expect(await positions({ ...mistral, sliding_window: 4096 })).to.equal(4096);
    expect(await positions({ ...mistral, sliding_window: null })).to.equal(32768);
  });

  it('with rotary scaling that turns as before', async () => {
    interface Scaled {
      readonly cases: readonly { name: string; config: Record<string, unknown> }[];
    }
    /** What GGUF has no keys for. */
    const untold: Record<string, string> = {
      dynamic: '"dynamic"',
      'yarn with all that it may have': 'mscale',
    };
    const rotaryOf = (config: object) => parseLlamaConfig({ ...llama, ...config }, 'x').rotary;
    for (const { name, config } of readFixture<Scaled>('rotary.json').cases) {
      const before = rotaryOf(config);
      const { rope_parameters: _, ...rest } = llama;
      if (untold[name]) {
        await expectError(
          () => configRewritten(folder, { ...rest, ...config }),
          'MODEL_INVALID',
          untold[name],
        );
        continue;
      }
      const after = parseLlamaConfig(await configRewritten(folder, { ...rest, ...config }), 'x').rotary;
      expect(after.maxPositions, name).to.equal(before.maxPositions);
      expect(after.scale, name).to.be.closeTo(before.scale, 1e-6);
      const frequencies = before.frequenciesFor(100);
      for (const [i, frequency] of after.frequenciesFor(100).entries())
        expect(frequency / frequencies[i], name).to.be.closeTo(1, 1e-6);
    }
  });
});
