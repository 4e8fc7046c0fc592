import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import type { LanguageModel } from '../../../core/index.js';
import { parseLlamaConfig } from '../../../plugins/backbones/llama/config.js';
import { describeParity } from '../../contracts/backbone-parity.js';
import { compose, floatsOf, readFixture, withModel } from '../../support/compose.js';
import { expectError } from '../../support/errors.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { type ExpectedLlama, LLAMA } from '../../support/llama-fixture.js';
import { expectClose } from '../../support/numbers.js';
import { lastLogitsOf, RECORDS } from '../../support/parity.js';
import { labelled } from '../../support/rows.js';

const expected = readFixture<ExpectedLlama>('llama', 'expected.json');
it('the backbone llama names its linear layers as PEFT does', () =>
  withModel({ model: LLAMA }, (model) => {
    expect(model.maxLength).to.equal(512);
    const names = model.linears.map((site) => site.name);
    expect(names).to.have.lengthOf(15).and.include.members(['model.layers.1.mlp.down_proj', 'lm_head']);
  }));

for (const name of ['llama', 'llama-tied']) {
  describeParity('llama', { fixture: name, expected: `contract/${name}` });
}
for (const name of ['llama3', 'mistral', 'qwen2', 'qwen3']) describeParity('llama', { fixture: name });

describe("rotary scaling, held to transformers'", () => {
  interface Scaled {
    readonly rows: readonly number[][];
    readonly cases: readonly { name: string; config: Record<string, unknown>; lastLogits: string[] }[];
    readonly real: readonly {
      name: string;
      config: Record<string, unknown>;
      frequencies: number[];
      scale: number;
    }[];
  }
  const scaled = readFixture<Scaled>('rotary.json');
  const json = readFixture<Record<string, unknown>>('llama', 'config.json');
  const batchOf = (model: LanguageModel, sequences: readonly number[][]) =>
    model.collate(sequences.map(labelled));

  for (const { name, config, lastLogits } of scaled.cases) {
    it(`${name}: the logits at the end of two sequences`, async () => {
      const folder = new TemporaryFolder();
      try {
        cpSync(fixture('llama'), folder.path, { recursive: true });
        folder.write('config.json', JSON.stringify({ ...json, ...config }));
        await withModel({ model: { path: folder.path } }, (model) => {
          const last = lastLogitsOf(model, batchOf(model, scaled.rows));
          expectClose(
            last,
            lastLogits.flatMap((logits) => [...floatsOf(logits)]),
            1e-4,
            'logits',
          );
          expect(model.maxLength).to.be.at.least(scaled.rows[0].length);
        });
      } finally {
        folder.remove();
      }
    });
  }

  for (const { name, config, frequencies, scale } of scaled.real) {
    it(`${name}: the frequencies`, () => {
      // Those of LlamaConfig, which the fixture's script leaves out.
      const sizes = { hidden_size: 4096, intermediate_size: 11008, num_hidden_layers: 32, vocab_size: 32000 };
      const whole = { ...sizes, num_attention_heads: 32, model_type: 'llama', ...config };
      const { rotary } = parseLlamaConfig(whole, name);
      const found = rotary.frequenciesFor(100);
      expect(found.length).to.equal(frequencies.length);
      // Each against itself: the smallest are a millionth of the largest.
      for (const [i, frequency] of frequencies.entries()) {
        expect(found[i] / frequency, `frequency ${i}`).to.be.closeTo(1, 1e-5);
      }
      expect(rotary.scale).to.be.closeTo(scale, 1e-6);
    });
  }
});

describe('the positions that a LLaMA was made for', () => {
  const of = (config: Record<string, unknown>) =>
    parseLlamaConfig(
      {
        ...{ model_type: 'llama', hidden_size: 32, intermediate_size: 48, vocab_size: 340 },
        ...{ num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2 },
        ...config,
      },
      'x',
    ).maxPositions;

  it('are those of config.json, or what rotary scaling makes of them', () => {
    expect(of({})).to.equal(2048);
    expect(of({ max_position_embeddings: 512 })).to.equal(512);
    expect(of({ rope_scaling: { type: 'linear', factor: 4 } })).to.equal(8192);
    expect(of({ rope_scaling: { type: 'dynamic', factor: 2 } })).to.equal(4096);
    const yarn = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 1024 };
    expect(of({ rope_parameters: yarn })).to.equal(4096);
    expect(of({ rope_parameters: yarn, max_position_embeddings: 5000 })).to.equal(5000);
  });

  it('end where attention would reach back only so far', () => {
    const mistral = { model_type: 'mistral', head_dim: 8 };
    expect(of(mistral)).to.equal(4096);
    expect(of({ ...mistral, sliding_window: null })).to.equal(131072);
    expect(of({ ...mistral, sliding_window: 64, max_position_embeddings: 32 })).to.equal(32);
    const qwen = { model_type: 'qwen2', sliding_window: 128 };
    expect(of(qwen)).to.equal(32768);
    expect(of({ ...qwen, use_sliding_window: true })).to.equal(32768);
    expect(of({ ...qwen, use_sliding_window: true, max_window_layers: 1 })).to.equal(128);
    for (const model_type of ['qwen2', 'qwen3']) {
      const windowed = { model_type, head_dim: 8, use_sliding_window: true, max_window_layers: 0 };
      expect(of(windowed), model_type).to.equal(4096);
      expect(of({ ...windowed, use_sliding_window: false }), model_type).to.equal(32768);
    }
    const types = ['full_attention', 'sliding_attention'];
    expect(of({ ...qwen, use_sliding_window: true, layer_types: types })).to.equal(128);
  });

  it('are no fewer than data.cutoffLength', async () => {
    const folder = new TemporaryFolder();
    try {
      cpSync(fixture('mistral'), folder.path, { recursive: true });
      const json = readFixture<Record<string, unknown>>('mistral', 'config.json');
      for (const [limit, text] of [
        [{ sliding_window: 64 }, 'sliding_window of the model is 64'],
        [{ max_position_embeddings: 64 }, 'the model was made for 64 positions'],
      ] as const) {
        folder.write('config.json', JSON.stringify({ ...json, ...limit }));
        const run = await compose({
          model: { path: folder.path },
          data: { sources: [{ path: RECORDS, format: 'alpaca' }], cutoffLength: 65, validationSize: 0 },
          device: { name: 'portable' },
          output: folder.join('run'),
        });
        await expectError(() => run.trainer.run(), 'MODEL_INVALID', 'data.cutoffLength is 65', text);
      }
    } finally {
      folder.remove();
    }
  });
});

describe('the tokenizer of a Hugging Face folder, held to tokenizers', () => {
  it('yields the ids of every text, special tokens within it taken as characters', () =>
    withModel({ model: LLAMA }, (_, { encoder: { tokenizer } }) => {
      for (const { text, ids } of expected.texts) {
        expect(tokenizer.encode(text), JSON.stringify(text)).to.deep.equal(ids);
      }
    }));

  it('turns ids into text, special tokens left out', () =>
    withModel({ model: LLAMA }, (_, { encoder: { tokenizer } }) => {
      for (const { text, ids, decoded } of expected.texts) {
        expect(tokenizer.decode(ids), JSON.stringify(text)).to.equal(decoded);
      }
      const { ids, decoded } = expected.texts[2];
      expect(tokenizer.decode([1, ...ids, 2])).to.equal(decoded);
    }));

  it('knows the special tokens', () =>
    withModel({ model: LLAMA }, (_, { encoder: { tokenizer } }) => {
      const { bosId, eosId, vocabularySize } = tokenizer;
      expect([bosId, eosId, vocabularySize]).to.deep.equal([1, 2, expected.vocabulary]);
    }));
});

describe('the backbone llama refuses', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
    cpSync(fixture('llama'), folder.path, { recursive: true });
  });
  afterEach(() => folder.remove());

  function change(name: string, values: Record<string, unknown>): void {
    const json = JSON.parse(readFileSync(folder.join(name), 'utf8')) as Record<string, unknown>;
    writeFileSync(folder.join(name), JSON.stringify({ ...json, ...values }));
  }
  const load = () => withModel({ model: { path: folder.path } }, () => {});

  it('what config.json says and it cannot do, all of it in one error', async () => {
    change('config.json', {
      rope_parameters: { rope_theta: 10000, rope_type: 'llama3', factor: 8, low_freq_factor: '1' },
      hidden_act: 'gelu',
      partial_rotary_factor: 0.5,
      attention_dropout: 0.1,
    });
    await expectError(
      load,
      'MODEL_INVALID',
      'config.json',
      /rope_parameters\.low_freq_factor: .*"1"/,
      'rope_parameters.high_freq_factor is missing',
      /hidden_act: .*"gelu"/,
      /partial_rotary_factor: .*0\.5/,
      /attention_dropout: .*0\.1/,
      'llama, mistral, qwen2, qwen3',
    );
  });

  it('rotary scaling of another kind, or with a key that it does not know', async () => {
    change('config.json', { rope_parameters: undefined, rope_scaling: { type: 'longrope', factor: 2 } });
    await expectError(load, 'MODEL_INVALID', /rope_scaling\.rope_type: .*yarn, but got "longrope"/);
    change('config.json', {
      rope_scaling: undefined,
      rope_parameters: { rope_type: 'default', rope_theta: 10000, mrope_section: [1, 1, 2] },
    });
    await expectError(load, 'MODEL_INVALID', 'rope_parameters', 'mrope_section');
  });

  it('tensors that are missing and tensors of another shape, in one error', async () => {
    // The weights stay as they are: config.json asks for a third layer and for wider feed-forwards.
    change('config.json', { num_hidden_layers: 3, intermediate_size: 64 });
    await expectError(
      load,
      'MODEL_INVALID',
      folder.path,
      'model.layers.0.mlp.gate_proj.weight is [48,32], but config.json makes it [64,32]',
      'model.layers.2.self_attn.q_proj.weight [32,32] is missing',
      // Two layers of three matrices of another shape, and nine tensors of the third: ten are named.
      '… and 5 more',
    );
  });

  it('heads that do not divide', async () => {
    change('config.json', { num_key_value_heads: 3 });
    await expectError(load, 'MODEL_INVALID', 'config.json', '4 heads, 3 key-value heads');
  });

  it('a tokenizer that is missing, or has more tokens than the embedding rows', async () => {
    change('config.json', { vocab_size: 300 });
    await expectError(load, 'MODEL_INVALID', '340 tokens', '300 rows');
    rmSync(folder.join('tokenizer.json'));
    await expectError(load, 'MODEL_INVALID', folder.path, 'tokenizer.json');
  });

  it('ids of special tokens that the embedding has no row for, told with file and key', async () => {
    change('config.json', { eos_token_id: [2, 400] });
    await expectError(load, 'MODEL_INVALID', `${folder.path}/config.json: eos_token_id is 400`, '340 rows');
    change('config.json', { eos_token_id: 2, bos_token_id: 500 });
    await load();
    change('tokenizer_config.json', { bos_token: undefined });
    await load();
    folder.write('generation_config.json', JSON.stringify({ eos_token_id: [2, 340] }));
    await expectError(load, 'MODEL_INVALID', 'generation_config.json: eos_token_id is 340');
  });

  it('a model_type that no backbone knows, told with the type and those that are known', async () => {
    change('config.json', { model_type: 'hyena' });
    const known = 'bloom, chatglm, llama, mistral, qwen2, qwen3';
    await expectError(load, 'MODEL_UNKNOWN', 'hyena', known, 'how a plugin adds one');
    rmSync(folder.join('config.json'));
    await expectError(load, 'MODEL_UNKNOWN', 'no config.json');
  });

  it('a pipe in the place of a configuration file', async () => {
    rmSync(folder.join('config.json'));
    execFileSync('mkfifo', [folder.join('config.json')]);
    await expectError(load, 'MODEL_INVALID', 'config.json', 'no file');
  });

  it('a configuration file that is no JSON object', async () => {
    folder.write('config.json', '[1, 2]');
    await expectError(load, 'MODEL_INVALID', 'config.json', 'no JSON object');
  });
});
