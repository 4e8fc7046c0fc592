import { expect } from 'chai';
import {
  PIECE_TYPES,
  readModelFile,
} from '../../../../plugins/backbones/kit/tokenizers/sentencepiece/model-file.js';
import { tokenizerFilesOf } from '../../../../plugins/checkpoints/gguf/tokenizer.js';
import { expectError } from '../../../support/errors.js';
import { EXPECTED, expectReference, tokenizerFile, tokenizerOf } from '../../../support/tokenizers.js';

interface TokenizerJson {
  readonly model: { vocab: Record<string, number>; merges: [string, string][] };
  readonly added_tokens: { id: number; content: string; special: boolean }[];
}

/** GGUF's metadata of a tokenizer.json, as llama.cpp's converter writes it. */
function metadataOf(name: string, pre: string): Record<string, unknown> {
  const json = JSON.parse(Buffer.from(tokenizerFile(`${name}.json`)).toString()) as TokenizerJson;
  const contents: string[] = [];
  for (const [token, id] of Object.entries(json.model.vocab)) contents[id] = token;
  for (const { id, content } of json.added_tokens) contents[id] = content;
  const types = contents.map(() => 1);
  for (const { id, special } of json.added_tokens) types[id] = special ? 3 : 4;
  return {
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': pre,
    'tokenizer.ggml.tokens': contents,
    'tokenizer.ggml.token_type': types,
    'tokenizer.ggml.merges': json.model.merges.map((pair) => pair.join(' ')),
    'tokenizer.ggml.bos_token_id': contents.indexOf('<|begin_of_text|>'),
    'tokenizer.ggml.eos_token_id': json.added_tokens[1].id,
  };
}

function sentencePieceMetadata(): Record<string, unknown> {
  const { pieces } = readModelFile(tokenizerFile('llama.model'), 'llama.model');
  return {
    'tokenizer.ggml.model': 'llama',
    'tokenizer.ggml.pre': 'default',
    'tokenizer.ggml.tokens': pieces.map(({ piece }) => piece),
    'tokenizer.ggml.scores': pieces.map(({ score }) => score),
    'tokenizer.ggml.token_type': pieces.map(({ type }) => PIECE_TYPES.indexOf(type) + 1),
    'tokenizer.ggml.bos_token_id': 1,
    'tokenizer.ggml.eos_token_id': 2,
    'tokenizer.ggml.unknown_token_id': 0,
  };
}

const load = (metadata: Record<string, unknown>) =>
  tokenizerOf(Object.fromEntries(tokenizerFilesOf(metadata)));

describe('the tokenizer within a GGUF file', () => {
  for (const [name, pre] of [
    ['bloom', 'bloom'],
    ['llama3', 'llama-bpe'],
    ['qwen2', 'qwen2'],
    ['smollm2', 'smollm'],
  ]) {
    it(`gpt2 with ${pre} yields the ids of ${name}'s tokenizer.json`, async () => {
      expectReference(await load(metadataOf(name, pre)), name);
    });
  }

  it("llama yields sentencepiece's ids, LLaMA's beginning-of-text token, and stops where the file says", async () => {
    const tokenizer = await load(sentencePieceMetadata());
    expectReference(tokenizer, 'llama');
    expect([tokenizer.bosId, tokenizer.eosId, tokenizer.vocabularySize]).to.deep.equal([1, 2, 1000]);
    const without = await load({
      ...sentencePieceMetadata(),
      'tokenizer.ggml.add_bos_token': false,
      'tokenizer.ggml.add_space_prefix': false,
      'tokenizer.ggml.eot_token_id': 5,
    });
    expect(without.bosId).to.equal(null);
    expect(without.stopIds).to.deep.equal([2, 5]);
    expect(without.encode(' a')).to.deep.equal(tokenizer.encode('a'));
  });

  it("default cuts as llama.cpp's default does: signs, words, digits by threes", async () => {
    const tokenizer = await load(metadataOf('smollm2', 'default'));
    for (const text of EXPECTED.texts) {
      expect(tokenizer.decode(tokenizer.encode(text)), JSON.stringify(text)).to.equal(text);
    }
    const parts = ['a', '!?', ' word', ' ', '123', '45'].flatMap((part) => tokenizer.encode(part));
    expect(tokenizer.encode('a!? word 12345')).to.deep.equal(parts);
  });

  it('says whether texts begin with a token: the file, or else the model that it is like', async () => {
    const metadata = metadataOf('llama3', 'llama-bpe');
    const { bosId, idOf } = await load(metadata);
    expect(bosId).to.equal(idOf('<|begin_of_text|>'));
    expect((await load({ ...metadata, 'tokenizer.ggml.add_bos_token': false })).bosId).to.equal(null);
    expect((await load({ ...metadata, 'tokenizer.ggml.pre': 'qwen2' })).bosId).to.equal(null);
  });

  it('has no files where it is not there', () => {
    expect([...tokenizerFilesOf({ 'general.architecture': 'llama' })]).to.deep.equal([]);
  });

  it('is refused where it is of an unknown kind, with those that are known', async () => {
    const change = (key: string, value: unknown) => () =>
      tokenizerFilesOf({ ...metadataOf('smollm2', 'smollm'), [`tokenizer.ggml.${key}`]: value });
    await expectError(change('model', 'bert'), 'MODEL_INVALID', '"bert"', 'llama, gpt2');
    await expectError(
      change('pre', 'tekken'),
      'MODEL_INVALID',
      '"tekken"',
      'llama-bpe',
      'smollm',
      'qwen2',
      'default',
    );
    await expectError(change('pre', 'constructor'), 'MODEL_INVALID', '"constructor"');
    await expectError(change('merges', undefined), 'MODEL_INVALID', 'tokenizer.ggml.merges');
    await expectError(change('merges', 'a b'), 'MODEL_INVALID', 'no list under tokenizer.ggml.merges');
    await expectError(
      change('tokens', [1, 2]),
      'MODEL_INVALID',
      '1 among the values of tokenizer.ggml.tokens',
    );
    await expectError(change('token_type', [1, 2]), 'MODEL_INVALID', '2 values', 'tokenizer.ggml.token_type');
  });
});
