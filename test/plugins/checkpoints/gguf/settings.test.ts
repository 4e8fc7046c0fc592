import { expect } from 'chai';
import { openCheckpoint } from '../../../support/checkpoints.js';
import { expectError } from '../../../support/errors.js';
import { TemporaryFolder } from '../../../support/files.js';
import {
  configOf,
  DATA,
  EMBEDDING,
  type GgufMetadata,
  type GgufTensor,
  ggufOf,
  METADATA,
} from '../../../support/gguf.js';

describe('the settings in a GGUF file', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

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
      Object.fromEntries(modules.map((module) => [`blk.0.${module}.bias`, { extents: [8], type: 0 }]));
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
    await expectError(() => config({}, biases('attn_norm')), 'CHECKPOINT_INVALID', '"blk.0.attn_norm.bias"');
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

  describe('of a BLOOM', () => {
    const bloom: GgufMetadata = {
      'general.architecture': 'bloom',
      'bloom.embedding_length': 8,
      'bloom.block_count': 1,
      'bloom.context_length': 32,
      'bloom.attention.head_count': 2,
      'bloom.attention.layer_norm_epsilon': 1e-5,
    };
    const fused = (rows: number) => ({ 'blk.0.attn_qkv.weight': { extents: [8, rows], type: 0 } });

    it('are under the names that transformers has for it', async () =>
      expect(await config(bloom, fused(24))).to.include({
        model_type: 'bloom',
        hidden_size: 8,
        n_inner: 32,
        n_layer: 1,
        n_head: 2,
        seq_length: 32,
        layer_norm_epsilon: 1e-5,
        vocab_size: 4,
        tie_word_embeddings: true,
      }));

    it('are refused where heads share keys, or rows are not those of heads', async () => {
      await expectError(
        () => config({ ...bloom, 'bloom.attention.head_count_kv': 1 }),
        'CHECKPOINT_INVALID',
        '"bloom.attention.head_count_kv" is 1',
      );
      await expectError(
        () => config(bloom, fused(22)),
        'CHECKPOINT_INVALID',
        '"blk.0.attn_qkv.weight" has 22 rows',
        '2 heads',
      );
    });
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
