import { expect } from 'chai';
import { compose, readFixture } from '../../../support/compose.js';
import { expectError } from '../../../support/errors.js';
import { TemporaryFolder } from '../../../support/files.js';
import { configWith, type GgufMetadata } from '../../../support/gguf.js';

describe('a BLOOM in GGUF', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  const bloom: GgufMetadata = {
    'general.architecture': 'bloom',
    'bloom.embedding_length': 8,
    'bloom.block_count': 1,
    'bloom.context_length': 32,
    'bloom.attention.head_count': 2,
    'bloom.attention.layer_norm_epsilon': 1e-5,
  };
  const fused = (rows: number) => ({ 'blk.0.attn_qkv.weight': { extents: [8, rows], type: 0 } });

  it('has its settings under the names that transformers has for it', async () =>
    expect(await configWith(folder, bloom, fused(24))).to.include({
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

  it('is refused where heads share keys, or rows are not those of heads', async () => {
    await expectError(
      () => configWith(folder, { ...bloom, 'bloom.attention.head_count_kv': 1 }),
      'CHECKPOINT_INVALID',
      '"bloom.attention.head_count_kv" is 1',
    );
    await expectError(
      () => configWith(folder, bloom, fused(22)),
      'CHECKPOINT_INVALID',
      '"blk.0.attn_qkv.weight" has 22 rows',
      '2 heads',
    );
  });

  it('is not written where rows are not those of heads', async () => {
    const config = readFixture<object>('bloom', 'config.json');
    const name = 'transformer.h.0.self_attention.query_key_value.weight';
    const tensors = new Map([[name, { shape: [22, 32], values: new Float32Array(22 * 32) }]]);
    const files = new Map([['config.json', Buffer.from(JSON.stringify(config))]]);
    const { hooks } = await compose();
    await expectError(
      () => hooks.writeCheckpoint.promise({ path: folder.join('x.gguf'), tensors, files }),
      'MODEL_INVALID',
      `${name} [22,32]`,
      'whole heads',
    );
  });
});
