import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { openCheckpoint } from '../../../support/checkpoints.js';
import { withModel } from '../../../support/compose.js';
import { expectError } from '../../../support/errors.js';
import { fixture, TemporaryFolder } from '../../../support/files.js';
import {
  configWith,
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

  const config = (metadata: GgufMetadata, tensors: Record<string, GgufTensor> = {}) =>
    configWith(folder, metadata, tensors);

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

  const refusals: [what: string, metadata: GgufMetadata, ...told: string[]][] = [
    ['another architecture', { 'general.architecture': 'mamba' }, '"mamba"', 'llama, qwen2'],
    ['a mixture of experts', { 'llama.expert_count': 8 }, 'mixture of experts'],
    ['a number that is a text', { 'llama.block_count': 'two' }, '"llama.block_count"', '"two"'],
    [
      'no layer',
      { 'llama.block_count': 0 },
      '"llama.block_count" is 0, but should be a whole number above 0',
    ],
    [
      'half a column',
      { 'llama.embedding_length': 8.5 },
      '"llama.embedding_length" is 8.5, but should be a whole',
    ],
    [
      'no epsilon',
      { 'llama.attention.layer_norm_rms_epsilon': 0 },
      'rms_epsilon" is 0, but should be a number above',
    ],
    ['a base of 0', { 'llama.rope.freq_base': 0 }, '"llama.rope.freq_base" is 0'],
    ['a factor below 0', { 'llama.rope.scaling.factor': -1.5 }, '"llama.rope.scaling.factor" is -1.5'],
    [
      'heads of no whole size',
      { 'llama.attention.head_count': 3 },
      '"llama.attention.head_count" is 3',
      'of 2.666667',
    ],
    [
      'heads that do not fit those of keys',
      { 'llama.attention.head_count_kv': 4 },
      'head_count_kv" is 4',
      '2 heads',
    ],
    [
      'an end token that there is not',
      { 'tokenizer.ggml.tokens': ['a', 'b'], 'tokenizer.ggml.eos_token_id': 2 },
      '"tokenizer.ggml.eos_token_id" is 2, the id of none of 2 tokens',
    ],
    ['an end token by its name', { 'tokenizer.ggml.eos_token_id': '</s>' }, 'eos_token_id" is "</s>"'],
  ];
  for (const [what, metadata, ...told] of refusals)
    it(`refuses ${what}`, () => expectError(() => config(metadata), 'CHECKPOINT_INVALID', ...told));

  it('refuses the same of a BLOOM', async () => {
    const bloom = Object.fromEntries(
      Object.entries(METADATA).map(([key, value]) => [key.replace('llama.', 'bloom.'), value]),
    );
    const refused = (metadata: GgufMetadata, ...told: string[]) => {
      const all = { ...bloom, 'general.architecture': 'bloom', 'bloom.attention.layer_norm_epsilon': 1e-5 };
      const file = folder.write(
        'x.gguf',
        ggufOf({ ...all, ...metadata }, { 'token_embd.weight': EMBEDDING }, DATA),
      );
      return expectError(() => openCheckpoint(file), 'CHECKPOINT_INVALID', file, ...told);
    };
    await refused({}, '"bloom.feed_forward_length" is 16', 'embedding_length, 32');
    await refused(
      { 'bloom.attention.head_count': 3 },
      '"bloom.attention.head_count" is 3',
      '8, does not divide',
    );
  });

  it('refuses weights of another size than the metadata says, and names that', async () => {
    const bytes = readFileSync(fixture('gguf', 'llama.gguf'));
    // Behind the key stands the number of its type.
    for (const [key, value] of [
      ['llama.feed_forward_length', 8],
      ['llama.block_count', 1],
    ] as const)
      bytes.writeUInt32LE(value, bytes.indexOf(key) + key.length + 4);
    const file = folder.write('x.gguf', bytes);
    await expectError(
      () => withModel({ model: { path: file } }, () => {}),
      'MODEL_INVALID',
      'but its metadata makes it [8,32]',
      'has no place in the model that its metadata describes',
      'Download or copy the file again.',
    );
  });

  it('refuses a file that leaves out what it must say', () => {
    const { 'llama.context_length': _, ...rest } = METADATA;
    const file = folder.write('x.gguf', ggufOf(rest, { 'token_embd.weight': EMBEDDING }, DATA));
    return expectError(() => openCheckpoint(file), 'CHECKPOINT_INVALID', file, '"llama.context_length"');
  });
});
