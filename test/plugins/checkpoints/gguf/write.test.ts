import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { CheckpointWrite, DenseType } from '../../../../core/index.js';
import { readTensors } from '../../../support/checkpoints.js';
import { compose, readFixture } from '../../../support/compose.js';
import { expectError } from '../../../support/errors.js';
import { fixture, TemporaryFolder } from '../../../support/files.js';
import { configRewritten } from '../../../support/gguf.js';

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

  it("with LLaMA's special tokens where tokenizer_config.json leaves them empty", async () => {
    // As the first conversions of LLaMA have it: config.json says otherwise, and is wrong.
    const settings = Buffer.from(JSON.stringify({ bos_token: '', eos_token: '', unk_token: '' }));
    const pieces = readFileSync(fixture('tokenizers', 'llama.model'));
    const tokenizer = new Map([
      ['tokenizer_config.json', settings],
      ['tokenizer.model', pieces],
    ]);
    const llama = readFixture<Record<string, unknown>>('llama', 'config.json');
    const config = { ...llama, vocab_size: 1000, bos_token_id: 0, eos_token_id: 1 };
    expect(await configRewritten(folder, config, tokenizer)).to.include({ bos_token_id: 1, eos_token_id: 2 });
  });

  it('not where a number is larger than any of the type', async () => {
    const large = new Float32Array(32).fill(70_000);
    await expectError(() => written('f16', large), 'NOT_FINITE', 'token_embd.weight', '70000', 'bf16 or f32');
    const larger = new Float32Array(32).fill(1e7);
    await expectError(() => written('q8_0', larger), 'NOT_FINITE', 'token_embd.weight', 'bf16 or f32');
    expect(readdirSync(folder.path)).to.deep.equal([]);
  });
});
