import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { CheckpointWrite, DenseType } from '../../../../core/index.js';
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
    await expectError(() => written('f16', large), 'NOT_FINITE', 'token_embd.weight', '70000', 'bf16 or f32');
    const larger = new Float32Array(32).fill(1e7);
    await expectError(() => written('q8_0', larger), 'NOT_FINITE', 'token_embd.weight', 'bf16 or f32');
    expect(readdirSync(folder.path)).to.deep.equal([]);
  });
});
