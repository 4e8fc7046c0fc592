import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { GENERATE_DEFAULTS, generate } from '../../../core/generation/generate.js';
import type { Batch, EncodedExample, LanguageModel } from '../../../core/index.js';
import { parameterSizes } from '../../../core/parameters.js';
import { parseLlamaConfig } from '../../../plugins/backbones/llama/config.js';
import { describeBackbone } from '../../support/backbone-contract.js';
import { compose, floatsOf, readFixture, withModel } from '../../support/compose.js';
import { expectError } from '../../support/errors.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { type ExpectedLlama, LLAMA, PEFT_ADAPTER } from '../../support/llama-fixture.js';
import { expectClose } from '../../support/numbers.js';
import { lastLogitsOf, RECORDS, relativeDistance } from '../../support/parity.js';

const expected = readFixture<ExpectedLlama>('llama', 'expected.json');
const rows: EncodedExample[] = expected.rows.map(({ inputIds, labels }) => ({
  inputIds: Int32Array.from(inputIds),
  labels: Int32Array.from(labels),
}));
const PASS = { training: false, seed: 0, checkpointing: false };

/** The logits of all tokens, sequence by sequence. */
function logitsOf(model: LanguageModel, batch: Batch): Float32Array {
  return tf.tidy(() => model.logits(batch, PASS).dataSync()) as Float32Array;
}

function lossOf(model: LanguageModel, batch: Batch): number {
  return tf.tidy(() => model.loss(batch, PASS).dataSync()[0]);
}

async function greedy(model: LanguageModel): Promise<void> {
  const wanted = model.trainable.size > 0 ? expected.adapted.greedy : expected.greedy;
  const prompt = { instruction: 'Name a color.', input: '' };
  const options = { ...GENERATE_DEFAULTS, maxNewTokens: wanted.length };
  const answer = await generate(model, prompt, options);
  expect(answer.text).to.equal(model.tokenizer.decode(wanted).trim());
  expect(answer.tokens).to.equal(wanted.length);
}

function countOf(model: LanguageModel): number {
  return [...parameterSizes(model).values()].reduce((total, size) => total + size);
}

describe('the backbone llama, held to transformers', () => {
  for (const backend of ['wasm', 'cpu']) {
    describe(`on portable, ${backend}`, () => {
      const device = { name: 'portable', backend };

      it('yields the logits and the loss of a batch', () =>
        withModel({ model: LLAMA, device }, (model) => {
          expect(tf.getBackend()).to.equal(backend);
          const batch = model.collate(rows);
          expectClose(logitsOf(model, batch), floatsOf(expected.logits), 1e-4, 'logits');
          expect(lossOf(model, batch)).to.be.closeTo(expected.loss, 1e-4 * expected.loss);
        }));

      it('yields the logits, the loss and the gradients of an adapter that PEFT saved', () =>
        withModel({ model: LLAMA, adapter: PEFT_ADAPTER, device }, (model) => {
          const batch = model.collate(rows);
          const { logits, loss, gradients } = expected.adapted;
          expectClose(logitsOf(model, batch), floatsOf(logits), 1e-4, 'logits');
          expect(Math.abs(expected.loss - loss), 'the adapter does something').to.be.above(0.1);
          const { value, grads } = tf.variableGrads(
            () => model.loss(batch, PASS),
            [...model.trainable.values()],
          );
          expect(value.dataSync()[0]).to.be.closeTo(loss, 1e-4 * loss);
          expect([...model.trainable.keys()].sort()).to.deep.equal(Object.keys(gradients).sort());
          for (const [name, variable] of model.trainable) {
            const gradient = grads[variable.name].dataSync() as Float32Array;
            expect(relativeDistance(gradient, floatsOf(gradients[name])), name).to.be.below(1e-3);
          }
          tf.dispose([value, grads]);
        }));
    });
  }

  it('yields for each sequence alone what it yields for it in a batch', () =>
    withModel({ model: LLAMA }, (model) => {
      const all = rows.flatMap((row) => [...logitsOf(model, model.collate([row]))]);
      expectClose(all, floatsOf(expected.logits), 1e-4, 'logits');
    }));

  it('yields the next logits of each sequence at its own end', () =>
    withModel({ model: LLAMA }, (model) => {
      const next = tf.tidy(() => model.nextLogits(model.collate(rows)).dataSync());
      const logits = floatsOf(expected.logits);
      const { vocabulary } = expected;
      let end = 0;
      for (const [i, { inputIds }] of rows.entries()) {
        end += inputIds.length;
        expectClose(
          next.slice(i * vocabulary, (i + 1) * vocabulary),
          logits.slice((end - 1) * vocabulary, end * vocabulary),
          1e-4,
          `row ${i}`,
        );
      }
    }));

  it('reads halves in two shards, tied output, wide heads and another rope_theta', () => {
    interface Tied {
      readonly parameters: number;
      readonly lastLogits: string;
      readonly loss: number;
    }
    const tied = readFixture<Tied>('llama-tied', 'expected.json');
    return withModel({ model: { path: fixture('llama-tied') } }, (model) => {
      const batch = model.collate(rows);
      const last = tf.tidy(() => model.nextLogits(batch).dataSync());
      expectClose(last as Float32Array, floatsOf(tied.lastLogits), 1e-4, 'logits');
      expect(lossOf(model, batch)).to.be.closeTo(tied.loss, 1e-4 * tied.loss);
      expect(countOf(model)).to.equal(tied.parameters);
    });
  });

  it('continues greedily as transformers does, with the adapter and without', async () => {
    expect(expected.greedy, 'two different continuations').to.not.deep.equal(expected.adapted.greedy);
    await withModel({ model: LLAMA }, greedy);
    await withModel({ model: LLAMA, adapter: PEFT_ADAPTER }, greedy);
  });

  it('tells its size, its positions and its linear layers under the names that PEFT uses', () =>
    withModel({ model: LLAMA }, (model) => {
      expect(model.backbone).to.equal('llama');
      expect(countOf(model)).to.equal(expected.parameters);
      expect(model.maxLength).to.equal(512);
      const names = model.linears.map((site) => site.name);
      expect(names).to.have.lengthOf(15).and.include.members(['model.layers.1.mlp.down_proj', 'lm_head']);
      expect(model.linears.filter((site) => site.isOutput).map((site) => site.name)).to.deep.equal([
        'lm_head',
      ]);
    }));
});

for (const name of ['llama', 'llama-tied']) {
  describeBackbone('llama', { fixture: name, expected: `contract/${name}` });
}
for (const name of ['llama3', 'mistral', 'qwen2', 'qwen3']) describeBackbone('llama', { fixture: name });

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
    model.collate(sequences.map((ids) => ({ inputIds: Int32Array.from(ids), labels: Int32Array.from(ids) })));

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
    withModel({ model: LLAMA }, ({ tokenizer }) => {
      for (const { text, ids } of expected.texts) {
        expect(tokenizer.encode(text), JSON.stringify(text)).to.deep.equal(ids);
      }
    }));

  it('turns ids into text, special tokens left out', () =>
    withModel({ model: LLAMA }, ({ tokenizer }) => {
      for (const { text, ids, decoded } of expected.texts) {
        expect(tokenizer.decode(ids), JSON.stringify(text)).to.equal(decoded);
      }
      const { ids, decoded } = expected.texts[2];
      expect(tokenizer.decode([1, ...ids, 2])).to.equal(decoded);
    }));

  it('knows the special tokens', () =>
    withModel({ model: LLAMA }, ({ tokenizer }) => {
      const { bosId, eosId, vocabularySize } = tokenizer;
      expect([bosId, eosId, vocabularySize]).to.deep.equal([1, 2, expected.vocabulary]);
    }));

  it('encodes whole records as the reference does', () =>
    withModel({ model: LLAMA }, (model) => {
      const records = readFixture<{ instruction: string; input: string; output: string }[]>(
        'llama',
        'train.json',
      );
      for (const [i, { inputIds, labels }] of expected.encoded.entries()) {
        const encoded = model.encode(records[i], 512);
        expect([...encoded.inputIds]).to.deep.equal(inputIds);
        expect([...encoded.labels]).to.deep.equal(labels);
      }
      expect(model.encodePrompt({ instruction: 'Name a color.', input: '' })).to.deep.equal(expected.prompt);
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
      /rope_parameters\.high_freq_factor: .*undefined/,
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

  it('a configuration file that is no JSON object', async () => {
    folder.write('config.json', '[1, 2]');
    await expectError(load, 'MODEL_INVALID', 'config.json', 'no JSON object');
  });
});
