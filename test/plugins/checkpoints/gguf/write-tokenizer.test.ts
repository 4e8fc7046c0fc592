import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { tokenizerFilesOf } from '../../../../plugins/checkpoints/gguf/tokenizer.js';
import { tokenizerMetadata } from '../../../../plugins/checkpoints/gguf/write-tokenizer.js';
import { expectError } from '../../../support/errors.js';
import { ROOT } from '../../../support/files.js';
import { expectReference, tokenizerFile, tokenizerOf } from '../../../support/tokenizers.js';

const SETTINGS = Buffer.from(JSON.stringify({ eos_token: '</s>', bos_token: '<s>' }));
const ROWS = 1100;

type Files = Readonly<Record<string, Uint8Array>>;

/** What these files become in GGUF. */
async function metadataOf(
  files: Files,
  config: object = { vocab_size: ROWS, eos_token_id: 2 },
): Promise<Record<string, unknown>> {
  const metadata = await tokenizerMetadata(new Map(Object.entries(files)), config as Record<string, unknown>);
  return Object.fromEntries(metadata.map(([key, value]) => [key, Object.values(value)[0]]));
}

/** The tokenizer that these files become in GGUF, as it is read from there. */
async function rewritten(files: Files, config?: object) {
  return tokenizerOf(Object.fromEntries(tokenizerFilesOf(await metadataOf(files, config))));
}

/** One of the fixtures' tokenizer.json with other values. */
function changed(name: string, values: object): Uint8Array {
  const json = JSON.parse(Buffer.from(tokenizerFile(`${name}.json`)).toString());
  return Buffer.from(JSON.stringify({ ...json, ...values }));
}

describe('a tokenizer written to GGUF', () => {
  // Metaspace puts no space before a text that begins with one; SentencePiece does, and so does whoever reads GGUF.
  const references = { 'llama-metaspace': 'llama' } as Readonly<Record<string, string>>;
  for (const name of ['llama3', 'qwen2', 'smollm2', 'bloom', 'llama-prepend', 'llama-metaspace']) {
    it(`yields the ids of ${name}'s tokenizer.json`, async () => {
      const config = { vocab_size: ROWS, eos_token_id: 1 };
      const tokenizer = await rewritten({ 'tokenizer.json': tokenizerFile(`${name}.json`) }, config);
      expectReference(tokenizer, references[name] ?? name);
    });
  }

  for (const [name, kind] of [
    ['llama-tiny', { 'tokenizer.ggml.model': 'llama', 'tokenizer.ggml.pre': 'default' }],
    ['bloom-tiny', { 'tokenizer.ggml.model': 'gpt2', 'tokenizer.ggml.pre': 'bloom' }],
  ] as const) {
    it(`has the tokens and merges of the embedded ${name}, and llama.cpp's name for its kind`, async () => {
      const embedded = (file: string) => readFileSync(path.join(ROOT, 'data', 'models', name, file));
      const config = JSON.parse(embedded('config.json').toString());
      const files = ['tokenizer.json', 'tokenizer_config.json', 'generation_config.json'];
      const written = await metadataOf(
        Object.fromEntries(files.map((file) => [file, embedded(file)])),
        config,
      );
      const { vocab, merges } = JSON.parse(embedded('tokenizer.json').toString()).model;
      const tokens = written['tokenizer.ggml.tokens'] as string[];
      expect(written).to.include({
        ...kind,
        'tokenizer.ggml.bos_token_id': 1,
        'tokenizer.ggml.eos_token_id': 2,
      });
      expect(Object.fromEntries(tokens.map((token, id) => [token, id]))).to.deep.equal(vocab);
      if (name === 'bloom-tiny')
        expect(written['tokenizer.ggml.merges']).to.deep.equal(
          merges.map((pair: string[]) => pair.join(' ')),
        );
      else {
        const scores = written['tokenizer.ggml.scores'] as number[];
        const ranks = merges.map((pair: string[]) => -scores[vocab[pair.join('')]]);
        expect(ranks).to.deep.equal(merges.map((_: unknown, rank: number) => rank));
      }
    });
  }

  it('puts a space before texts where Metaspace says so, as newer and older files say it', async () => {
    const spaceOf = async (metaspace: object) => {
      const pre_tokenizer = { type: 'Metaspace', replacement: '▁', ...metaspace };
      const written = await metadataOf({ 'tokenizer.json': changed('llama-metaspace', { pre_tokenizer }) });
      return written['tokenizer.ggml.add_space_prefix'];
    };
    for (const prepend_scheme of ['first', 'always'])
      expect(await spaceOf({ prepend_scheme })).to.equal(true);
    expect(await spaceOf({ prepend_scheme: 'never' })).to.equal(false);
    expect(await spaceOf({ add_prefix_space: true })).to.equal(true);
    expect(await spaceOf({ add_prefix_space: false })).to.equal(false);
  });

  it("yields sentencepiece's ids where the model has a tokenizer.model alone", async () => {
    const files = { 'tokenizer.model': tokenizerFile('llama.model'), 'tokenizer_config.json': SETTINGS };
    const tokenizer = await rewritten(files);
    expectReference(tokenizer, 'llama');
    expect([tokenizer.bosId, tokenizer.eosId, tokenizer.vocabularySize]).to.deep.equal([1, 2, ROWS]);
  });

  it('hands chat templates on, one or several', async () => {
    const several = ['default', 'tool_use'].map((name) => ({ name, template: `{# ${name} #}` }));
    const templateFrom = async (settings: object, more: Files = {}) => {
      const model = { 'tokenizer.model': tokenizerFile('llama.model'), ...more };
      const metadata = await metadataOf({
        ...model,
        'tokenizer_config.json': Buffer.from(JSON.stringify(settings)),
      });
      const config = tokenizerFilesOf(metadata).get('tokenizer_config.json');
      return JSON.parse(Buffer.from(config!).toString()).chat_template;
    };
    expect(await templateFrom({ chat_template: '{# one #}' })).to.equal('{# one #}');
    expect(await templateFrom({ chat_template: several })).to.deep.equal(several);
    expect(await templateFrom({ chat_template: several.slice(1) })).to.deep.equal(several.slice(1));
    expect(await templateFrom({}, { 'chat_template.jinja': Buffer.from('{# file #}') })).to.equal(
      '{# file #}',
    );
    expect(await templateFrom({ chat_template: null })).to.equal(undefined);
    const wrong = { chat_template: { default: '{# one #}' } };
    await expectError(() => templateFrom(wrong), 'MODEL_INVALID', 'chat_template');
  });

  it('ends answers at every token at which the model does', async () => {
    const stopsOf = async (eos_token_id: unknown) => {
      const files = {
        'tokenizer.model': tokenizerFile('llama.model'),
        'tokenizer_config.json': SETTINGS,
        'generation_config.json': Buffer.from(JSON.stringify({ eos_token_id })),
      };
      return (await rewritten(files, { vocab_size: ROWS, eos_token_id: 2 })).stopIds;
    };
    expect(await stopsOf(2)).to.deep.equal([2]);
    expect(await stopsOf([7, 2])).to.deep.equal([2, 7]);
    expect(await stopsOf([2, 7, 9])).to.deep.equal([2, 7, 9]);
    await expectError(() => stopsOf([2, 7, 9, 11]), 'MODEL_INVALID', '4', '--format safetensors');
  });

  it('begins texts as training does, whatever tokenizer_config.json calls it', async () => {
    const begins = async (files: Files) => {
      const written = await metadataOf({ 'tokenizer_config.json': SETTINGS, ...files });
      return [written['tokenizer.ggml.add_bos_token'], written['tokenizer.ggml.bos_token_id']];
    };
    const json = { 'tokenizer.json': tokenizerFile('llama-metaspace.json') };
    const settings = (values: object) => ({
      'tokenizer_config.json': Buffer.from(JSON.stringify({ eos_token: '</s>', ...values })),
    });
    expect(await begins(json)).to.deep.equal([true, 1]);
    expect(await begins({ ...json, ...settings({ add_bos_token: false }) })).to.deep.equal([true, 1]);
    expect(await begins({ ...json, ...settings({ bos_token: null }) })).to.deep.equal([true, 1]);
    const none = { 'tokenizer.json': changed('llama-metaspace', { post_processor: null }) };
    const asked = settings({ bos_token: '<s>', add_bos_token: true, add_eos_token: true });
    expect(await begins({ ...none, ...asked })).to.deep.equal([false, 1]);
    const model = { 'tokenizer.model': tokenizerFile('llama.model') };
    expect(await begins(model)).to.deep.equal([true, 1]);
    expect(await begins({ ...model, ...settings({ add_bos_token: false }) })).to.deep.equal([false, 1]);
    const written = await metadataOf({ ...model, ...asked });
    expect(written['tokenizer.ggml.add_eos_token']).to.equal(false);
  });

  it('is refused where texts begin with two tokens', async () => {
    const special = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
    const post_processor = {
      type: 'TemplateProcessing',
      single: [special('<unk>'), special('<s>'), { Sequence: { id: 'A', type_id: 0 } }],
      special_tokens: { '<unk>': { id: '<unk>', ids: [0] }, '<s>': { id: '<s>', ids: [1] } },
    };
    await expectError(
      () => metadataOf({ 'tokenizer.json': changed('llama-metaspace', { post_processor }) }),
      'MODEL_INVALID',
      '"<unk>", "<s>" come first',
    );
  });

  it('has the tokens that stand beside the tokenizer, and none without a row', async () => {
    const added = { '<|end|>': 1000, '<|call|>': 1001, '<pad>': ROWS };
    const files = {
      'added_tokens.json': Buffer.from(JSON.stringify(added)),
      'tokenizer_config.json': Buffer.from(JSON.stringify({ eos_token: '<|end|>', pad_token: '<pad>' })),
    };
    const tokenizers: Files[] = [
      { 'tokenizer.model': tokenizerFile('llama.model') },
      { 'tokenizer.json': tokenizerFile('llama-metaspace.json') },
    ];
    for (const tokenizer of tokenizers) {
      const written = await metadataOf({ ...files, ...tokenizer });
      const tokens = written['tokenizer.ggml.tokens'] as string[];
      const types = written['tokenizer.ggml.token_type'] as number[];
      expect(tokens.slice(1000, 1003)).to.deep.equal(['<|end|>', '<|call|>', '[PAD1002]']);
      expect(types.slice(1000, 1003)).to.deep.equal([3, 4, 5]);
      expect([tokens.length, types.length]).to.deep.equal([ROWS, ROWS]);
      expect(written['tokenizer.ggml.eos_token_id']).to.equal(1000);
      expect(written).to.not.have.property('tokenizer.ggml.padding_token_id');
      const again = await rewritten({ ...files, ...tokenizer });
      expect(again.encode('to <|call|>').at(-1)).to.equal(1001);
    }
  });

  it('puts no space before texts where the settings of a LLaMA say so', async () => {
    const asked = {
      ...JSON.parse(SETTINGS.toString()),
      tokenizer_class: 'LlamaTokenizer',
      add_prefix_space: false,
    };
    const files = { 'tokenizer_config.json': Buffer.from(JSON.stringify(asked)) };
    const tokenizers: Files[] = [
      { 'tokenizer.model': tokenizerFile('llama.model') },
      { 'tokenizer.json': tokenizerFile('llama-metaspace.json') },
      { 'tokenizer.json': tokenizerFile('llama-prepend.json') },
    ];
    for (const tokenizer of tokenizers) {
      const written = await metadataOf({ ...files, ...tokenizer });
      expect(written['tokenizer.ggml.add_space_prefix']).to.equal(false);
    }
  });

  it('is refused where text is cut before it is merged', async () => {
    const split = { type: 'Split', pattern: { Regex: '\\d' }, behavior: 'Isolated', invert: false };
    for (const name of ['llama-prepend', 'llama-metaspace']) {
      const load = () => rewritten({ 'tokenizer.json': changed(name, { pre_tokenizer: split }) });
      await expectError(load, 'MODEL_INVALID', 'Split', '--format safetensors');
    }
  });

  it('is refused where GGUF has no name for it', async () => {
    await expectError(() => rewritten({}), 'MODEL_INVALID', 'tokenizer.json or tokenizer.model');
    await expectError(
      () => rewritten({ 'tokenizer.model': tokenizerFile('unigram.model') }),
      'MODEL_INVALID',
      'unigram',
      '--format safetensors',
    );
  });

  it('is refused where SentencePiece does not do what it does', () =>
    expectError(
      () => rewritten({ 'tokenizer.json': changed('llama-prepend', { normalizer: { type: 'NFKC' } }) }),
      'MODEL_INVALID',
      'NFKC',
    ));

  it('is refused where it nearly cuts text as one does that has a name', async () => {
    const refused = (name: string, values: object) =>
      expectError(
        () => rewritten({ 'tokenizer.json': changed(name, values) }),
        'MODEL_INVALID',
        'pre_tokenizer',
        '--format safetensors',
      );
    const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
    const sequence = (...pretokenizers: object[]) => ({ pre_tokenizer: { type: 'Sequence', pretokenizers } });
    const split = (Regex: string) => ({
      type: 'Split',
      pattern: { Regex },
      behavior: 'Isolated',
      invert: false,
    });
    await refused('smollm2', sequence({ type: 'Digits', individual_digits: false }, bytes));
    await refused(
      'smollm2',
      sequence({ type: 'Digits', individual_digits: true }, { ...bytes, use_regex: false }),
    );
    await refused('smollm2', { pre_tokenizer: { ...bytes, add_prefix_space: true } });
    await refused('llama3', sequence(split('\\p{N}{1,3}'), { ...bytes, use_regex: false }));
    await refused('llama3', { normalizer: { type: 'NFC' } });
    await refused('qwen2', { normalizer: { type: 'NFKC' } });
    const { model } = JSON.parse(Buffer.from(tokenizerFile('llama3.json')).toString());
    await refused('llama3', { model: { ...model, ignore_merges: false } });
  });
});
