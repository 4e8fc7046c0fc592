/** Expected ids are those of transformers 5.24: AutoTokenizer of the same files, with split_special_tokens. */

import { expect } from 'chai';
import type { LoadedTokenizer } from '../../../../plugins/backbones/kit/tokenizer.js';
import { expectError } from '../../../support/errors.js';
import { tokenizerFile, tokenizerOf } from '../../../support/tokenizers.js';

const LLAMA = { tokenizer_class: 'LlamaTokenizer', bos_token: '<s>', eos_token: '</s>', add_bos_token: true };
const MODEL = { 'tokenizer.model': tokenizerFile('llama.model') };
const METASPACE = JSON.parse(Buffer.from(tokenizerFile('llama-metaspace.json')).toString());

/** The ids of each text, with those that come first. */
const idsOf = ({ startIds, encode }: LoadedTokenizer, texts: readonly string[]) =>
  texts.map((text) => [...startIds, ...encode(text)]);

describe('tokens that stand beside the tokenizer', () => {
  const flags = { lstrip: false, rstrip: false, normalized: false, single_word: false };
  const decoder = {
    1000: { content: '<|end|>', special: true, ...flags },
    1001: { content: '<|call|>', special: false, ...flags },
  };
  const table = { '<|end|>': 1000, '<|call|>': 1001 };
  const texts = ['say <|call|> to me', '<|call|> twice<|call|>', 'a <|end|> b'];
  const expected = [
    [1, 263, 314, 516, 1001, 339, 424],
    [1, 1001, 259, 537, 522, 295, 1001],
    [1, 260, 516, 63, 127, 282, 529, 127, 65, 275],
  ];
  const settings = { ...LLAMA, eos_token: '<|end|>' };
  const last = Object.entries(METASPACE.model.vocab).find(([, id]) => id === 999)?.[0];
  const places: Record<string, object> = {
    'added_tokens.json': { 'tokenizer_config.json': settings, 'added_tokens.json': table },
    added_tokens_decoder: { 'tokenizer_config.json': { ...settings, added_tokens_decoder: decoder } },
  };
  for (const [place, further] of Object.entries(places)) {
    for (const [name, file] of Object.entries({ MODEL, JSON: { 'tokenizer.json': METASPACE } })) {
      it(`are tokens, those of ${place} beside ${name === 'MODEL' ? 'tokenizer.model' : 'tokenizer.json'}`, async () => {
        const tokenizer = await tokenizerOf({ ...file, ...further });
        expect(idsOf(tokenizer, texts)).to.deep.equal(expected);
        expect([tokenizer.eosId, tokenizer.vocabularySize]).to.deep.equal([1000, 1002]);
        expect(tokenizer.decode([...expected[0].slice(1), 1000])).to.equal('say <|call|> to me');
        expect([999, 1000, 1001, 1002].map(tokenizer.textTokenOf)).to.deep.equal([
          last,
          undefined,
          '<|call|>',
          undefined,
        ]);
      });
    }
  }

  it("have SentencePiece's space behind them where the settings are those of an old LLaMA", async () => {
    const encode = async (further: object) => {
      const config = { ...settings, ...further };
      const files = { ...MODEL, 'tokenizer_config.json': config, 'added_tokens.json': table };
      return idsOf(await tokenizerOf(files), ['x<|call|>y', '<|call|>to<|call|> me']);
    };
    const plain = [
      [1, 516, 579, 1001, 538],
      [1, 1001, 347, 1001, 424],
    ];
    expect(await encode({})).to.deep.equal(plain);
    expect(await encode({ legacy: false })).to.deep.equal(plain);
    expect(await encode({ legacy: true })).to.deep.equal([
      [1, 516, 579, 1001, 327],
      [1, 1001, 339, 1001, 424],
    ]);
  });

  it('take the id that they have, also where another piece held it for them', async () => {
    const config = { ...LLAMA, added_tokens_decoder: { 999: { content: '<|call|>', special: false } } };
    const tokenizer = await tokenizerOf({ ...MODEL, 'tokenizer_config.json': config });
    expect([tokenizer.idOf('<|call|>'), tokenizer.vocabularySize]).to.deep.equal([999, 1000]);
  });

  it('are special where special_tokens_map.json names them', async () => {
    const files = {
      ...MODEL,
      'added_tokens.json': table,
      'special_tokens_map.json': { sep_token: '<|call|>' },
    };
    const tokenizer = await tokenizerOf(files);
    expect(tokenizer.encode('a <|call|>')).to.not.include(1001);
    expect(tokenizer.decode([1001])).to.equal('');
  });

  it('are refused where they have no id', async () => {
    const wrong = { 'added_tokens.json': { '<|call|>': 'last' } };
    const where = 'models/mine/added_tokens.json: <|call|>';
    await expectError(() => tokenizerOf({ ...MODEL, ...wrong }), 'MODEL_INVALID', where);
    const far = { 'tokenizer_config.json': { added_tokens_decoder: { '1e9': { content: 'x' } } } };
    await expectError(
      () => tokenizerOf({ ...MODEL, ...far }),
      'MODEL_INVALID',
      'tokenizer_config.json',
      '1000000000',
    );
  });
});

describe('ids at which answers end', () => {
  for (const file of ['config.json', 'generation_config.json']) {
    it(`make no token special: ${file}`, async () => {
      const files = { ...MODEL, 'tokenizer_config.json': LLAMA, [file]: { eos_token_id: [2, 263] } };
      const tokenizer = await tokenizerOf(files);
      expect(idsOf(tokenizer, ['say so'])).to.deep.equal([[1, 263, 314, 263, 520]]);
      expect([tokenizer.eosId, ...tokenizer.stopIds]).to.deep.equal([2, 2, 263]);
    });

    it(`are numbers, and none where the number is below 0: ${file}`, async () => {
      const withIds = (ids: unknown) =>
        tokenizerOf({ ...MODEL, 'tokenizer_config.json': LLAMA, [file]: { eos_token_id: ids } });
      for (const none of [null, -1, []]) expect((await withIds(none)).stopIds).to.deep.equal([2]);
      for (const ids of ['2', [2, '</s>'], 2.5, true, [null]])
        await expectError(
          () => withIds(ids),
          'MODEL_INVALID',
          `${file}: eos_token_id should be the id of a token, or a list of them, but is ${JSON.stringify(ids)}`,
        );
    });
  }
});

describe('with what texts begin', () => {
  const hello = [516, 261, 353, 520];
  const generic = { tokenizer_class: 'PreTrainedTokenizerFast', eos_token: '</s>' };
  const begin = async (settings: object, tokenizer: object = METASPACE, further: object = {}) => {
    const files = { 'tokenizer.json': tokenizer, 'tokenizer_config.json': { ...generic, ...settings } };
    return idsOf(await tokenizerOf({ ...files, ...further }), ['hello'])[0];
  };

  it('is what the template says, whatever the settings call it', async () => {
    expect(await begin({ bos_token: null })).to.deep.equal([1, ...hello]);
    expect(await begin({})).to.deep.equal([1, ...hello]);
    expect(await begin({ bos_token: '</s>' })).to.deep.equal([1, ...hello]);
    const map = { 'special_tokens_map.json': { bos_token: '<s>' } };
    expect(await begin({}, METASPACE, map)).to.deep.equal([1, ...hello]);
  });

  it('may be two tokens', async () => {
    const special = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
    const post_processor = {
      type: 'TemplateProcessing',
      single: [special('<unk>'), special('<s>'), { Sequence: { id: 'A', type_id: 0 } }],
      special_tokens: { '<unk>': { id: '<unk>', ids: [0] }, '<s>': { id: '<s>', ids: [1] } },
    };
    expect(await begin({}, { ...METASPACE, post_processor })).to.deep.equal([0, 1, ...hello]);
  });

  const spaced = [
    [1, 516, 261, 353, 520],
    [1, 260, 516, 275],
    [1, 516, 233, 155, 168, 596],
  ];
  const bare = [
    [1, 261, 353, 520],
    [1, 518, 516, 275],
    [1, 233, 155, 168, 596],
  ];
  for (const name of ['llama.model', 'llama-metaspace.json', 'llama-prepend.json']) {
    it(`is no space where a LLaMA's settings say so: ${name}`, async () => {
      const file = name.endsWith('.json') ? 'tokenizer.json' : 'tokenizer.model';
      const ids = async (settings: object) => {
        const config = { ...LLAMA, ...settings };
        const files = { [file]: tokenizerFile(name), 'tokenizer_config.json': config };
        const tokenizer = await tokenizerOf(files);
        const texts = ['hello', 'a  b', '春天'];
        expect(texts.map((text) => tokenizer.decode(tokenizer.encode(text)))).to.deep.equal(texts);
        return idsOf(tokenizer, texts);
      };
      expect(await ids({})).to.deep.equal(spaced);
      expect(await ids({ add_prefix_space: true })).to.deep.equal(spaced);
      expect(await ids({ add_prefix_space: false })).to.deep.equal(bare);
      const generic = { tokenizer_class: 'PreTrainedTokenizerFast', add_prefix_space: false };
      expect(await ids(generic)).to.deep.equal(spaced);
    });
  }
});
