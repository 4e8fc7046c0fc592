import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { CheckpointWrite, DenseType } from '../../../../core/index.js';
import { parseLlamaConfig } from '../../../../plugins/backbones/llama/config.js';
import { readTensors } from '../../../support/checkpoints.js';
import { compose, readFixture } from '../../../support/compose.js';
import { expectError } from '../../../support/errors.js';
import { fixture, TemporaryFolder } from '../../../support/files.js';
import { configOf } from '../../../support/gguf.js';

describe('a GGUF file is written', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

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

  const llama = readFixture<Record<string, unknown>>('llama', 'config.json');
  /** What config.json becomes in the file, and is read again. */
  const configWritten = async (config: object, tokenizer: ReadonlyMap<string, Uint8Array> = files) => {
    const path = folder.join('x.gguf');
    const { hooks } = await compose();
    const values = new Float32Array(32 * 4);
    const tensors = new Map([['model.embed_tokens.weight', { shape: [4, 32], values }]]);
    const json = Buffer.from(JSON.stringify(config));
    const all = new Map([...tokenizer, ['config.json', json]]);
    await hooks.writeCheckpoint.promise({ path, tensors, files: all });
    return configOf(path);
  };

  it('with what config.json leaves out as it is for models of this type', async () => {
    const { num_key_value_heads: _, max_position_embeddings: __, ...rest } = llama;
    const first = await configWritten(rest);
    expect(first).to.include({ num_key_value_heads: 4, max_position_embeddings: 2048 });
    const mistral = await configWritten({ ...rest, model_type: 'mistral', num_attention_heads: 8 });
    expect(mistral).to.include({ num_key_value_heads: 8 });
  });

  it('of a model with a sliding window no more positions than that has', async () => {
    const positions = async (config: object) => (await configWritten(config)).max_position_embeddings;
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
        await expectError(() => configWritten({ ...rest, ...config }), 'MODEL_INVALID', untold[name]);
        continue;
      }
      const after = parseLlamaConfig(await configWritten({ ...rest, ...config }), 'x').rotary;
      expect(after.maxPositions, name).to.equal(before.maxPositions);
      expect(after.scale, name).to.be.closeTo(before.scale, 1e-6);
      const frequencies = before.frequenciesFor(100);
      for (const [i, frequency] of after.frequenciesFor(100).entries())
        expect(frequency / frequencies[i], name).to.be.closeTo(1, 1e-6);
    }
  });

  it("with LLaMA's special tokens where tokenizer_config.json leaves them empty", async () => {
    // As the first conversions of LLaMA have it: config.json says otherwise, and is wrong.
    const settings = Buffer.from(JSON.stringify({ bos_token: '', eos_token: '', unk_token: '' }));
    const pieces = readFileSync(fixture('tokenizers', 'llama.model'));
    const tokenizer = new Map([
      ['tokenizer_config.json', settings],
      ['tokenizer.model', pieces],
    ]);
    const config = { ...llama, vocab_size: 1000, bos_token_id: 0, eos_token_id: 1 };
    expect(await configWritten(config, tokenizer)).to.include({ bos_token_id: 1, eos_token_id: 2 });
  });

  it('not where a number is larger than any of the type', async () => {
    const large = new Float32Array(32).fill(70_000);
    await expectError(() => written('f16', large), 'NOT_FINITE', 'token_embd.weight', '70000', 'bf16 or f32');
    const larger = new Float32Array(32).fill(1e7);
    await expectError(() => written('q8_0', larger), 'NOT_FINITE', 'token_embd.weight', 'bf16 or f32');
    expect(readdirSync(folder.path)).to.deep.equal([]);
  });
});
