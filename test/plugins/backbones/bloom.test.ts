import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { labelsOf } from '../../../core/index.js';
import { alibiSlopes } from '../../../plugins/backbones/bloom/alibi.js';
import { describeParity } from '../../contracts/backbone-parity.js';
import { readFixture, withModel } from '../../support/compose.js';
import { expectError } from '../../support/errors.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { expectClose } from '../../support/numbers.js';
import { lastLogitsOf, readParity, rowsOf } from '../../support/parity.js';

describeParity('bloom', { fixture: 'bloom' });
describeParity('bloom', { fixture: 'bloom-odd' });

describe('the slopes of ALiBi, held to transformers', () => {
  for (const [heads, slopes] of Object.entries(readFixture<Record<string, number[]>>('slopes.json'))) {
    it(`of ${heads} heads`, () => expectClose(alibiSlopes(Number(heads)), slopes, 1e-6));
  }
});

describe('the backbone bloom', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
    cpSync(fixture('bloom'), folder.path, { recursive: true });
  });
  afterEach(() => folder.remove());

  function change(values: Record<string, unknown>, ...removed: string[]): void {
    const json = JSON.parse(readFileSync(folder.join('config.json'), 'utf8')) as Record<string, unknown>;
    for (const key of removed) delete json[key];
    writeFileSync(folder.join('config.json'), JSON.stringify({ ...json, ...values }));
  }
  const load = () => withModel({ model: { path: folder.path } }, () => {});

  it('names its linear layers as PEFT does, wherever the checkpoint leaves out the prefix', () =>
    withModel({ model: { path: folder.path } }, (model) => {
      expect(model.linears.map((site) => site.name)).to.include.members([
        'transformer.h.0.self_attention.query_key_value',
        'transformer.h.1.self_attention.dense',
        'transformer.h.1.mlp.dense_h_to_4h',
        'transformer.h.1.mlp.dense_4h_to_h',
        'lm_head',
      ]);
      expect([...model.vectors.keys()]).to.include.members([
        'transformer.word_embeddings_layernorm.bias',
        'transformer.h.0.self_attention.query_key_value.bias',
        'transformer.ln_f.weight',
      ]);
    }));

  it('begins no text with a token of its own, and ends it with </s>', () =>
    withModel({ model: { path: folder.path } }, (_, { encoder }) => {
      expect(encoder.tokenizer.bosId).to.equal(null);
      const example = { kind: 'instruction', instruction: 'a', input: '', output: 'b' } as const;
      const encoded = encoder.encode(example, 512);
      expect([encoded.inputIds.at(-1), labelsOf(encoded).at(-1)]).to.deep.equal([2, 2]);
    }));

  it('reads the keys as older files write them', async () => {
    const { n_layer: layers, n_head: heads } = JSON.parse(
      readFileSync(folder.join('config.json'), 'utf8'),
    ) as Record<string, number>;
    const older = { n_embed: 32, num_hidden_layers: layers, num_attention_heads: heads };
    const logits = () =>
      withModel({ model: { path: folder.path } }, (model) =>
        lastLogitsOf(model, model.collate(rowsOf(readParity('bloom')))),
      );
    const before = await logits();
    change(older, 'hidden_size', 'n_layer', 'n_head');
    expect(await logits()).to.deep.equal(before);
  });

  it('refuses what config.json says and it cannot do, all of it in one error', async () => {
    change({ hidden_dropout: 0.1, attention_dropout: 0.2, layer_norm_epsilon: 'small' }, 'vocab_size');
    await expectError(
      load,
      'MODEL_INVALID',
      'config.json',
      /hidden_dropout: .*0\.1/,
      /attention_dropout: .*0\.2/,
      /layer_norm_epsilon: .*small/,
      'vocab_size',
    );
  });

  it('refuses heads that do not divide, a feed-forward of another width, and products without their biases', async () => {
    change({ n_head: 5 });
    await expectError(load, 'MODEL_INVALID', 'config.json', '5 heads', '32');
    change({ n_head: 4, n_inner: 100 });
    await expectError(load, 'MODEL_INVALID', 'n_inner is 100');
    change({ n_inner: null, slow_but_exact: true, pretraining_tp: 4 });
    await expectError(load, 'MODEL_INVALID', 'slow_but_exact is true and pretraining_tp 4');
    change({ pretraining_tp: 1 });
    await load();
  });

  it('names tensors that are missing or of another shape as the checkpoint names them', async () => {
    change({ n_layer: 3 });
    await expectError(load, 'MODEL_INVALID', 'h.2.self_attention.query_key_value.bias [96] is missing');
    change({ n_layer: 2, hidden_size: 64 });
    await expectError(load, 'MODEL_INVALID', 'word_embeddings.weight is [320,32]', '[320,64]');
  });

  it('refuses a tokenizer with more tokens than the embedding has rows', async () => {
    change({ vocab_size: 300 });
    await expectError(load, 'MODEL_INVALID', '320 tokens', '300 rows');
  });
});
