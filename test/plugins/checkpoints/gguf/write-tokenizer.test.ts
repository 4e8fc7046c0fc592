import { expect } from 'chai';
import { tokenizerFilesOf } from '../../../../plugins/checkpoints/gguf/tokenizer.js';
import { tokenizerMetadata } from '../../../../plugins/checkpoints/gguf/write-tokenizer.js';
import { expectError } from '../../../support/errors.js';
import { expectReference, tokenizerFile, tokenizerOf } from '../../../support/tokenizers.js';

const SETTINGS = Buffer.from(JSON.stringify({ eos_token: '</s>', bos_token: '<s>' }));
const ROWS = 1100;

/** The tokenizer that these files become in GGUF, as it is read from there. */
function rewritten(files: Readonly<Record<string, Uint8Array>>, config: object = { vocab_size: ROWS }) {
  const metadata = tokenizerMetadata(new Map(Object.entries(files)), config as Record<string, unknown>);
  const plain = metadata.map(([key, value]) => [key, Object.values(value)[0]]);
  return tokenizerOf(Object.fromEntries(tokenizerFilesOf(Object.fromEntries(plain))));
}

describe('a tokenizer written to GGUF', () => {
  for (const name of ['llama3', 'qwen2', 'smollm2']) {
    it(`yields the ids of ${name}'s tokenizer.json`, async () => {
      const config = { vocab_size: ROWS, eos_token_id: 1 };
      expectReference(await rewritten({ 'tokenizer.json': tokenizerFile(`${name}.json`) }, config), name);
    });
  }

  it("yields sentencepiece's ids where the model has a tokenizer.model alone", async () => {
    const files = { 'tokenizer.model': tokenizerFile('llama.model'), 'tokenizer_config.json': SETTINGS };
    const tokenizer = await rewritten(files);
    expectReference(tokenizer, 'llama');
    expect([tokenizer.bosId, tokenizer.eosId, tokenizer.vocabularySize]).to.deep.equal([1, 2, ROWS]);
  });

  it('is refused where GGUF has no name for it', async () => {
    await expectError(() => rewritten({}), 'MODEL_INVALID', 'tokenizer.json or tokenizer.model');
    await expectError(
      () => rewritten({ 'tokenizer.model': tokenizerFile('unigram.model') }),
      'MODEL_INVALID',
      'unigram',
      '--format safetensors',
    );
    await expectError(
      () => rewritten({ 'tokenizer.json': tokenizerFile('bloom.json') }),
      'MODEL_INVALID',
      'pre_tokenizer',
    );
  });
});
