import { expect } from 'chai';
import type { LoadedTokenizer } from '../../../../plugins/backbones/kit/tokenizer.js';
import type { SentencePieceModel } from '../../../../plugins/backbones/kit/tokenizers/sentencepiece/model-file.js';
import { expectError } from '../../../support/errors.js';
import { EXPECTED, expectReference, tokenizerFile, tokenizerOf } from '../../../support/tokenizers.js';

const EOS = { eos_token: '</s>', bos_token: '<s>' };
const JSON_SETTINGS: Record<string, object> = {
  bloom: EOS,
  llama3: { bos_token: '<|begin_of_text|>', eos_token: '<|end_of_text|>' },
  qwen2: { eos_token: '<|endoftext|>' },
  smollm2: { bos_token: '<|im_start|>', eos_token: { content: '<|im_end|>', special: true } },
  'llama-prepend': EOS,
  'llama-metaspace': EOS,
};
const MODELS = ['llama', 'nfkc', 'unigram', 'chatglm2'];

const ofJson = (name: string, further: object = {}) =>
  tokenizerOf({
    'tokenizer.json': tokenizerFile(`${name}.json`),
    'tokenizer_config.json': JSON_SETTINGS[name],
    ...further,
  });
const ofModel = (name: string, further: object = {}) =>
  tokenizerOf({ 'tokenizer.model': tokenizerFile(`${name}.model`), ...further });

const all: [string, () => Promise<LoadedTokenizer>][] = [
  ...Object.keys(JSON_SETTINGS).map(
    (name) => [name, () => ofJson(name)] as [string, () => Promise<LoadedTokenizer>],
  ),
  ...MODELS.map((name) => [name, () => ofModel(name)] as [string, () => Promise<LoadedTokenizer>]),
];

describe('tokenizer.json, held to tokenizers', () => {
  for (const name of Object.keys(JSON_SETTINGS)) {
    it(`yields ids and text as the reference: ${name}`, async () =>
      expectReference(await ofJson(name), name));
  }

  it('says whether texts begin with a token, by its post-processor and nothing else', async () => {
    const add_bos_token = { 'tokenizer_config.json': { ...EOS, add_bos_token: true } };
    expect((await ofJson('bloom', add_bos_token)).bosId).to.equal(null);
    expect((await ofJson('smollm2')).bosId).to.equal(null);
    expect((await ofJson('qwen2')).bosId).to.equal(null);
    const llama3 = await ofJson('llama3');
    expect(llama3.bosId).to.equal(llama3.idOf('<|begin_of_text|>')).and.not.equal(undefined);
    expect((await ofJson('llama-metaspace')).bosId).to.equal(1);
  });

  it('is preferred to a SentencePiece model beside it', async () => {
    const both = await ofJson('smollm2', { 'tokenizer.model': tokenizerFile('llama.model') });
    expectReference(both, 'smollm2');
  });

  it('reads merges as older files write them', async () => {
    const json = JSON.parse(Buffer.from(tokenizerFile('bloom.json')).toString());
    json.model.merges = json.model.merges.map((pair: string[]) => pair.join(' '));
    expectReference(await ofJson('bloom', { 'tokenizer.json': json }), 'bloom');
  });

  it('keeps what stands around an added token as the token says', async () => {
    const json = JSON.parse(Buffer.from(tokenizerFile('qwen2.json')).toString());
    const added = {
      id: 9000,
      content: '<x>',
      special: false,
      normalized: false,
      lstrip: true,
      rstrip: false,
    };
    json.added_tokens.push(
      { ...added, single_word: false },
      { ...added, id: 9001, content: 'xyz', single_word: true },
    );
    const tokenizer = await ofJson('qwen2', { 'tokenizer.json': json });
    const [a, b] = [tokenizer.encode('a'), tokenizer.encode(' b')];
    expect(tokenizer.encode('a  <x> b')).to.deep.equal([...a, 9000, ...b]);
    expect(tokenizer.encode('a xyz b')).to.include(9001);
    expect(tokenizer.encode('axyzb')).to.not.include(9001);
  });

  describe('is refused', () => {
    const change = (changes: (json: Record<string, never>) => void) => () => {
      const json = JSON.parse(Buffer.from(tokenizerFile('bloom.json')).toString());
      changes(json);
      return ofJson('bloom', { 'tokenizer.json': json });
    };
    const refusals: [string, () => Promise<unknown>, (string | RegExp)[]][] = [
      [
        'a model of another type',
        change((json) => Object.assign(json.model, { type: 'WordPiece' })),
        ['WordPiece', 'BPE'],
      ],
      ['without a model', change((json) => delete json.model), ['tokenizer.json: model: ']],
      ...(
        [
          ['a model without vocabulary', { model: { type: 'BPE' } }, 'model.vocab: '],
          ['added tokens that are no list', { added_tokens: {} }, 'added_tokens: '],
          ['an added token without id', { added_tokens: [{ content: 'x' }] }, 'added_tokens.0.id: '],
          ['a part without type', { decoder: {} }, 'decoder.type: '],
          [
            'a sequence of what are no parts',
            { pre_tokenizer: { type: 'Sequence', pretokenizers: [1] } },
            'pre_tokenizer.pretokenizers.0: ',
          ],
          ['a sequence of nothing', { normalizer: { type: 'Sequence' } }, 'normalizer.normalizers: '],
          [
            'an empty template',
            { post_processor: { type: 'TemplateProcessing' } },
            'post_processor.single: ',
          ],
          [
            'a template with a token that it does not know',
            {
              post_processor: {
                type: 'TemplateProcessing',
                single: [{ SpecialToken: { id: '<s>' } }, { Sequence: { id: 'A' } }],
                special_tokens: {},
              },
            },
            'its post_processor has no ids of its token "<s>"',
          ],
          [
            'a decoder that replaces nothing',
            { decoder: { type: 'Replace', content: ' ' } },
            'its decoder replaces undefined',
          ],
        ] as const
      ).map(([what, values, text]): [string, () => Promise<unknown>, string[]] => [
        what,
        change((json) => Object.assign(json, values)),
        [`models/mine/tokenizer.json: ${text}`],
      ]),
      ...[[['a']], ['ab'], [1], {}].map((merges): [string, () => Promise<unknown>, string[]] => [
        `merges ${JSON.stringify(merges)}`,
        change((json) => Object.assign(json.model, { merges })),
        ['models/mine/tokenizer.json: model.merges'],
      ]),
      ['dropout', change((json) => Object.assign(json.model, { dropout: 0.1 })), ['dropout 0.1']],
      [
        'an unknown normalizer',
        change((json) =>
          Object.assign(json, { normalizer: { type: 'Sequence', normalizers: [{ type: 'Nmt' }] } }),
        ),
        ['models/mine/tokenizer.json', 'normalizer', '"Nmt"', 'NFKC'],
      ],
      [
        'an unknown pre_tokenizer',
        change((json) => Object.assign(json, { pre_tokenizer: { type: 'UnicodeScripts' } })),
        ['pre_tokenizer', 'UnicodeScripts', 'ByteLevel'],
      ],
      [
        'a Split whose pieces go to their neighbours',
        change((json) =>
          Object.assign(json, {
            pre_tokenizer: {
              type: 'Split',
              pattern: { String: ' ' },
              behavior: 'MergedWithNext',
              invert: false,
            },
          }),
        ),
        ['MergedWithNext', 'Isolated'],
      ],
      [
        'a pattern that is none',
        change((json) =>
          Object.assign(json, {
            pre_tokenizer: { type: 'Split', pattern: { Regex: '(a' }, behavior: 'Isolated', invert: false },
          }),
        ),
        ['(a'],
      ],
      [
        'an unknown decoder',
        change((json) => Object.assign(json, { decoder: { type: 'CTC' } })),
        ['CTC', 'ByteLevel'],
      ],
      [
        'a merge of what is no token',
        change((json) => Object.assign(json.model, { merges: [['Q', 'qqq']] })),
        ['"qqq"', 'merge 1'],
      ],
      [
        'no end token',
        () => ofJson('bloom', { 'tokenizer_config.json': {} }),
        ['end token', 'tokenizer_config.json', 'config.json'],
      ],
    ];
    for (const [what, load, texts] of refusals) {
      it(what, () => expectError(load, 'MODEL_INVALID', ...texts));
    }
  });
});

describe('tokenizer.model, held to sentencepiece', () => {
  for (const name of MODELS) {
    it(`yields ids and text as the reference: ${name}`, async () =>
      expectReference(await ofModel(name), name));
  }

  it('begins texts as LLaMA does unless its settings say otherwise, and knows its own end token', async () => {
    const { bosId, eosId, vocabularySize } = await ofModel('llama');
    expect([bosId, eosId]).to.deep.equal([1, 2]);
    expect(vocabularySize).to.equal(1000);
    // An early LLaMA on the hub had empty names and wrong ids beside the right file.
    const wrong = {
      'tokenizer_config.json': { bos_token: '', eos_token: '', add_bos_token: false },
      'config.json': { bos_token_id: 0, eos_token_id: 1 },
    };
    const tokenizer = await ofModel('llama', wrong);
    expect([tokenizer.bosId, tokenizer.eosId]).to.deep.equal([null, 2]);
  });

  it('is refused where it is cut off, empty, or something else', async () => {
    const whole = tokenizerFile('llama.model');
    const load = (bytes: Uint8Array) => () => tokenizerOf({ 'tokenizer.model': bytes });
    const where = 'models/mine/tokenizer.model';
    await expectError(load(whole.subarray(0, 4000)), 'MODEL_INVALID', where, 'cut off', 'again');
    await expectError(load(new Uint8Array()), 'MODEL_INVALID', where);
    await expectError(
      load(Buffer.from('version https://git-lfs.github.com/spec/v1')),
      'MODEL_INVALID',
      where,
    );
  });

  it('is refused where it falls back to bytes that it does not have', async () => {
    // The name of the byte 0x41 once: in its piece.
    const bytes = Buffer.from(tokenizerFile('llama.model'));
    bytes.write('<0xZZ>', bytes.indexOf('<0x41>'));
    await expectError(() => tokenizerOf({ 'tokenizer.model': bytes }), 'MODEL_INVALID', '<0x41>');
  });
});

describe('any tokenizer', () => {
  for (const [name, load] of all) {
    it(`takes half of a character for U+FFFD: ${name}`, async () => {
      const tokenizer = await load();
      const whole = tokenizer.encode('a \ufffd\ufffd b \u{1f600} \ufffd');
      expect(tokenizer.encode('a \ud83d\udbff b \u{1f600} \udc00')).to.deep.equal(whole);
    });

    it(`never yields a special token: ${name}`, async () => {
      const tokenizer = await load();
      const special = [
        '<s>',
        '</s>',
        '<pad>',
        '<|endoftext|>',
        '<|begin_of_text|>',
        '<|eot_id|>',
        '<|im_start|>',
      ];
      const ids = special.map((token) => tokenizer.idOf(token)).filter((id) => id !== undefined);
      expect(ids).to.not.have.lengthOf(0);
      for (const text of [...EXPECTED.texts, ...special]) {
        for (const id of [...ids, tokenizer.eosId]) expect(tokenizer.encode(text), text).to.not.include(id);
      }
      expect(tokenizer.decode([...ids, tokenizer.eosId, 1e6])).to.equal('');
    });

    it(`decodes a growing answer to a growing text: ${name}`, async () => {
      const tokenizer = await load();
      const ids = tokenizer.encode('x 😀👍🏽 龘靐 end é');
      const whole = tokenizer.decode(ids);
      for (let length = 0; length < ids.length; length++) {
        const final = tokenizer.decode(ids.slice(0, length)).replace(/\ufffd+$/, '');
        expect(whole.startsWith(final), `${length} tokens: ${final}`).to.equal(true);
      }
    });

    it(`takes a very long word in time that goes with its length: ${name}`, async () => {
      const tokenizer = await load();
      const long = `${'a'.repeat(150_000)}${'ab'.repeat(50_000)}`;
      const started = performance.now();
      const ids = tokenizer.encode(long);
      // The square of this length would be minutes.
      expect(performance.now() - started).to.be.below(10_000);
      expect(tokenizer.decode(ids)).to.equal(long);
    });
  }

  it('knows all tokens at which an answer ends; of them training appends the first', async () => {
    const further = {
      'config.json': { eos_token_id: 7 },
      'generation_config.json': { eos_token_id: [7, 9] },
    };
    const { eosId, stopIds, idOf } = await ofJson('llama3', further);
    expect(eosId).to.equal(idOf('<|end_of_text|>'));
    expect(stopIds).to.deep.equal([eosId, 7, 9]);
    expect((await ofModel('llama')).stopIds).to.deep.equal([2]);
  });

  describe('never yields what is special for the model, where its own file has it as a word like any', () => {
    const text = 'to <x:y> it';
    const ways: [string, (id: number) => object][] = [
      ['eos_token', () => ({ 'tokenizer_config.json': { eos_token: '<x:y>' } })],
      ['pad_token', () => ({ 'tokenizer_config.json': { ...EOS, pad_token: { content: '<x:y>' } } })],
      [
        'additional_special_tokens',
        () => ({ 'tokenizer_config.json': { ...EOS, additional_special_tokens: ['<x:y>'] } }),
      ],
      ['special_tokens_map.json', () => ({ 'special_tokens_map.json': { ...EOS, pad_token: '<x:y>' } })],
    ];
    for (const [what, further] of ways) {
      it(`${what}, of tokenizer.json`, async () => {
        const json = JSON.parse(Buffer.from(tokenizerFile('bloom.json')).toString());
        json.added_tokens.push({ id: 9000, content: '<x:y>', special: false, normalized: false });
        const plain = await ofJson('bloom', { 'tokenizer.json': json });
        expect(plain.encode(text)).to.include(9000);
        const tokenizer = await ofJson('bloom', { 'tokenizer.json': json, ...further(9000) });
        expect(tokenizer.encode(text)).to.deep.equal((await ofJson('bloom')).encode(text));
        expect(tokenizer.decode([...tokenizer.encode(text), 9000])).to.equal(text);
      });

      it(`${what}, of tokenizer.model`, async () => {
        const amend = (model: SentencePieceModel): SentencePieceModel => ({
          ...model,
          pieces: [...model.pieces, { piece: '<x:y>', score: 0, type: 'user-defined' }],
        });
        const file = { 'tokenizer.model': tokenizerFile('llama.model') };
        const plain = await tokenizerOf(file, { amend });
        const id = plain.idOf('<x:y>') as number;
        expect(plain.encode(text)).to.include(id);
        const tokenizer = await tokenizerOf({ ...file, ...further(id) }, { amend });
        expect(tokenizer.encode(text)).to.deep.equal((await ofModel('llama')).encode(text));
      });
    }

    it('but for a single character, which texts are written with', async () => {
      const further = { 'tokenizer_config.json': { ...EOS, pad_token: '!' } };
      const tokenizer = await ofJson('bloom', further);
      expect(tokenizer.decode(tokenizer.encode('so!'))).to.equal('so!');
    });
  });

  it('is refused where tokenizer_config.json names an end, or a token before texts, that it does not have', async () => {
    const lacks = { 'tokenizer_config.json': { bos_token: '<s>', eos_token: '<|end|>' } };
    const where = 'models/mine/tokenizer_config.json: eos_token is "<|end|>"';
    for (const load of [() => ofJson('llama-metaspace', lacks), () => ofModel('llama', lacks)]) {
      await expectError(load, 'MODEL_INVALID', where, 'does not have', 'Set eos_token');
    }
    const other = { 'tokenizer_config.json': { bos_token: '<|begin|>', eos_token: '</s>' } };
    await expectError(() => ofModel('llama', other), 'MODEL_INVALID', 'bos_token is "<|begin|>"');
    // tokenizer.json says itself with which ids texts begin.
    expect((await ofJson('bloom', other)).bosId).to.equal(null);
    expect((await ofJson('llama-metaspace', other)).bosId).to.equal(1);
  });

  it('is missed where there is no file of it', () =>
    expectError(() => tokenizerOf({}), 'MODEL_INVALID', 'models/mine', 'tokenizer.json', 'tokenizer.model'));
});
