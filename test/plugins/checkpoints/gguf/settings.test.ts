import { expect } from 'chai';
import { openCheckpoint } from '../../../support/checkpoints.js';
import { expectError } from '../../../support/errors.js';
import { TemporaryFolder } from '../../../support/files.js';
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
  ];
  for (const [what, metadata, ...told] of refusals)
    it(`refuses ${what}`, () => expectError(() => config(metadata), 'CHECKPOINT_INVALID', ...told));

  it('refuses a file that leaves out what it must say', () => {
    const { 'llama.context_length': _, ...rest } = METADATA;
    const file = folder.write('x.gguf', ggufOf(rest, { 'token_embd.weight': EMBEDDING }, DATA));
    return expectError(() => openCheckpoint(file), 'CHECKPOINT_INVALID', file, '"llama.context_length"');
  });
});
