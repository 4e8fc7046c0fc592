import { cpSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { LoadedTokenizer } from '../../../../../plugins/backbones/kit/tokenizer.js';
import { checkVocabulary } from '../../../../../plugins/backbones/kit/tokenizers/vocabulary.js';
import { encoderOf } from '../../../../support/compose.js';
import { expectError } from '../../../../support/errors.js';
import { fixture, TemporaryFolder } from '../../../../support/files.js';

const check = (vocabularySize: number, rows: number, further: Partial<LoadedTokenizer> = {}) => {
  const tokenizer: Partial<LoadedTokenizer> = {
    vocabularySize,
    startIds: [],
    eosId: 0,
    stopIds: [],
    configuredIds: [],
    textTokenOf: (id) => `t${id}`,
    ...further,
  };
  checkVocabulary(tokenizer as LoadedTokenizer, rows, 'models/mine');
};

describe('tokenizer and embedding', () => {
  it('fit where the embedding is padded: BLOOM, Qwen2, ChatGLM, DeepSeek, small models', () => {
    check(32_000, 32_000);
    check(250_680, 250_880);
    check(151_646, 151_936);
    check(151_643, 152_064);
    check(64_794, 65_024);
    check(130_344, 130_528);
    check(150_344, 150_528);
    check(100_015, 102_400);
    check(340, 384);
    check(346, 352);
    check(10, 128);
    check(32_000, 32_001);
  });

  it('do not where an id has no row', () =>
    expectError(
      () => check(32_001, 32_000),
      'MODEL_INVALID',
      'models/mine',
      '32001 tokens',
      'only 32000 rows',
      'the token 32000 ("t32000") has none',
      'resize_token_embeddings',
    ));

  it('fit where a token without a row is one that nothing makes, such as a padding token', async () => {
    const textTokenOf = (id: number) => (id < 32_000 ? 't' : undefined);
    check(32_001, 32_000, { textTokenOf });
    for (const used of [{ eosId: 32_000 }, { startIds: [1, 32_000] }, { stopIds: [32_000] }]) {
      await expectError(
        () => check(32_001, 32_000, { textTokenOf, ...used }),
        'MODEL_INVALID',
        'the token 32000 (that rows begin or end with) has none',
      );
    }
  });

  it('fit in a folder whose padding token was added to the tokenizer alone', async () => {
    const folder = new TemporaryFolder();
    try {
      cpSync(fixture('llama'), folder.path, { recursive: true });
      const read = (name: string) => JSON.parse(readFileSync(folder.join(name), 'utf8'));
      const [json, settings] = [read('tokenizer.json'), read('tokenizer_config.json')];
      const rows = read('config.json').vocab_size;
      json.added_tokens.push({ id: rows, content: '<pad>', special: false });
      folder.write('tokenizer.json', JSON.stringify(json));
      const load = () => encoderOf({ model: { path: folder.path } });
      await expectError(load, 'MODEL_INVALID', `the token ${rows} ("<pad>") has none`, 'Take the tokenizer');
      folder.write('tokenizer_config.json', JSON.stringify({ ...settings, pad_token: '<pad>' }));
      const { tokenizer } = await load();
      expect(Math.max(...tokenizer.encode('a <pad> b'))).to.be.below(rows);
      expect(tokenizer.vocabularySize).to.equal(rows + 1);
    } finally {
      folder.remove();
    }
  });

  it("do not where many rows have no token: LLaMA's tokenizer with Chinese-LLaMA's or Llama 3's weights", async () => {
    await expectError(() => check(32_000, 49_953), 'MODEL_INVALID', 'only 32000 tokens', '49953 rows');
    await expectError(() => check(32_000, 128_256), 'MODEL_INVALID', 'only 32000 tokens', '128256 rows');
  });

  it('do not in small models either', async () => {
    await expectError(() => check(10, 1000), 'MODEL_INVALID', 'only 10 tokens', '1000 rows');
    await expectError(() => check(340, 400), 'MODEL_INVALID', 'only 340 tokens', '400 rows');
    await expectError(() => check(3072, 4096), 'MODEL_INVALID', 'only 3072 tokens', '4096 rows');
  });
});
