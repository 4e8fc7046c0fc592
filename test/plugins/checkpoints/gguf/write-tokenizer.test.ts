import { expect } from 'chai';
import { tokenizerFilesOf } from '../../../../plugins/checkpoints/gguf/tokenizer.js';
import { tokenizerMetadata } from '../../../../plugins/checkpoints/gguf/write-tokenizer.js';
import { expectError } from '../../../support/errors.js';
import { expectReference, tokenizerFile, tokenizerOf } from '../../../support/tokenizers.js';

const SETTINGS = Buffer.from(JSON.stringify({ eos_token: '</s>', bos_token: '<s>' }));
const ROWS = 1100;

type Files = Readonly<Record<string, Uint8Array>>;

/** What these files become in GGUF. */
function metadataOf(files: Files, config: object = { vocab_size: ROWS }): Record<string, unknown> {
  const metadata = tokenizerMetadata(new Map(Object.entries(files)), config as Record<string, unknown>);
  return Object.fromEntries(metadata.map(([key, value]) => [key, Object.values(value)[0]]));
}

/** The tokenizer that these files become in GGUF, as it is read from there. */
function rewritten(files: Files, config?: object) {
  return tokenizerOf(Object.fromEntries(tokenizerFilesOf(metadataOf(files, config))));
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

  it('puts a space before texts where Metaspace says so, as newer and older files say it', () => {
    const spaceOf = (metaspace: object) => {
      const pre_tokenizer = { type: 'Metaspace', replacement: '▁', ...metaspace };
      const written = metadataOf({ 'tokenizer.json': changed('llama-metaspace', { pre_tokenizer }) });
      return written['tokenizer.ggml.add_space_prefix'];
    };
    for (const prepend_scheme of ['first', 'always']) expect(spaceOf({ prepend_scheme })).to.equal(true);
    expect(spaceOf({ prepend_scheme: 'never' })).to.equal(false);
    expect(spaceOf({ add_prefix_space: true })).to.equal(true);
    expect(spaceOf({ add_prefix_space: false })).to.equal(false);
  });

  it("yields sentencepiece's ids where the model has a tokenizer.model alone", async () => {
    const files = { 'tokenizer.model': tokenizerFile('llama.model'), 'tokenizer_config.json': SETTINGS };
    const tokenizer = await rewritten(files);
    expectReference(tokenizer, 'llama');
    expect([tokenizer.bosId, tokenizer.eosId, tokenizer.vocabularySize]).to.deep.equal([1, 2, ROWS]);
  });

  it('hands chat templates on, one or several', async () => {
    const several = ['default', 'tool_use'].map((name) => ({ name, template: `{# ${name} #}` }));
    const templateFrom = (settings: object, more: Files = {}) => {
      const model = { 'tokenizer.model': tokenizerFile('llama.model'), ...more };
      const metadata = metadataOf({
        ...model,
        'tokenizer_config.json': Buffer.from(JSON.stringify(settings)),
      });
      const config = tokenizerFilesOf(metadata).get('tokenizer_config.json');
      return JSON.parse(Buffer.from(config!).toString()).chat_template;
    };
    expect(templateFrom({ chat_template: '{# one #}' })).to.equal('{# one #}');
    expect(templateFrom({ chat_template: several })).to.deep.equal(several);
    expect(templateFrom({ chat_template: several.slice(1) })).to.deep.equal(several.slice(1));
    expect(templateFrom({}, { 'chat_template.jinja': Buffer.from('{# file #}') })).to.equal('{# file #}');
    expect(templateFrom({ chat_template: null })).to.equal(undefined);
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
