/**
 * The tokenizer within a GGUF file, as the files that Hugging Face's folders hold: `llama` is SentencePiece's BPE by
 * scores and becomes tokenizer.model, `gpt2` is byte-level BPE by merges and becomes tokenizer.json.
 */

import { EvolveError } from '../../../core/index.js';
import { PRE_TOKENIZERS } from './pre-tokenizers.js';

const ADVICE =
  'Convert the model again with llama.cpp, or put its tokenizer.json into a folder with safetensors.';

/** Token types, as GGUF numbers them from 1: those of SentencePiece. */
const NORMAL = 1;
const CONTROL = 3;
const USER_DEFINED = 4;
const UNUSED = 5;

type Metadata = Readonly<Record<string, unknown>>;

/**
 * @param metadata the file's, as plain values and arrays
 * @returns `tokenizer.json` or `tokenizer.model`, `tokenizer_config.json`, and `generation_config.json` where an answer
 *   may also end at another token; none where the file has no tokenizer
 * @throws EvolveError if it is of a kind that is not known, or its parts do not fit together
 */
export function tokenizerFilesOf(metadata: Metadata): ReadonlyMap<string, Uint8Array> {
  const model = metadata['tokenizer.ggml.model'];
  if (model === undefined) return new Map();
  if (model === 'llama') return sentencePieceFiles(metadata);
  if (model === 'gpt2') return byteLevelFiles(metadata);
  const message = `the GGUF file's tokenizer.ggml.model is "${model}"; known here: llama, gpt2`;
  throw new EvolveError('MODEL_INVALID', message, ADVICE);
}

function byteLevelFiles(metadata: Metadata): ReadonlyMap<string, Uint8Array> {
  const tokens = list(metadata, 'tokens', isText);
  const merges = list(metadata, 'merges', isText);
  const types = list(metadata, 'token_type', isNumber, tokens.length);
  const name = String(metadata['tokenizer.ggml.pre'] ?? 'default');
  if (!Object.hasOwn(PRE_TOKENIZERS, name)) {
    const known = Object.keys(PRE_TOKENIZERS).join(', ');
    const message = `the GGUF file's tokenizer.ggml.pre is "${name}"; known here: ${known}`;
    throw new EvolveError('MODEL_INVALID', message, ADVICE);
  }
  const { patterns, nfc, ignoreMerges, addBos } = PRE_TOKENIZERS[name];
  const bos = tokenOf(metadata, tokens, 'bos');
  const begins = Boolean(metadata['tokenizer.ggml.add_bos_token'] ?? addBos ?? false) && bos !== undefined;
  const added = tokens.flatMap((content, id) => {
    if (![CONTROL, USER_DEFINED].includes(types[id])) return [];
    const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false };
    return [{ id, content, ...flags, special: types[id] === CONTROL }];
  });
  const json = {
    version: '1.0',
    added_tokens: added,
    normalizer: nfc ? { type: 'NFC' } : null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        ...patterns.map((Regex) => ({
          type: 'Split',
          pattern: { Regex },
          behavior: 'Isolated',
          invert: false,
        })),
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    },
    post_processor: begins ? templateOf(bos, tokens.indexOf(bos)) : null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      vocab: Object.fromEntries(tokens.flatMap((token, id) => (types[id] === UNUSED ? [] : [[token, id]]))),
      merges: merges.map((merge) => [
        merge.slice(0, merge.indexOf(' ', 1)),
        merge.slice(merge.indexOf(' ', 1) + 1),
      ]),
      ignore_merges: ignoreMerges ?? false,
    },
  };
  const settings = { tokenizer_class: 'PreTrainedTokenizerFast' };
  return filesOf(metadata, tokens, settings, 'tokenizer.json', Buffer.from(JSON.stringify(json)));
}

/** What puts the beginning-of-text token before every text. */
function templateOf(bos: string, id: number) {
  const special = { SpecialToken: { id: bos, type_id: 0 } };
  const sequence = (name: string) => ({ Sequence: { id: name, type_id: 0 } });
  return {
    type: 'TemplateProcessing',
    single: [special, sequence('A')],
    pair: [special, sequence('A'), special, sequence('B')],
    special_tokens: { [bos]: { id: bos, ids: [id], tokens: [bos] } },
  };
}

/** The model as sentencepiece_model.proto has it; as in llama.cpp, nothing is normalized. */
function sentencePieceFiles(metadata: Metadata): ReadonlyMap<string, Uint8Array> {
  const tokens = list(metadata, 'tokens', isText);
  const scores = list(metadata, 'scores', isNumber, tokens.length);
  const types = list(metadata, 'token_type', isNumber, tokens.length);
  const pieces = tokens.map((token, id) => {
    const type = types[id] === UNUSED ? CONTROL : types[id];
    return field(
      1,
      Buffer.concat([field(1, Buffer.from(token)), float(2, scores[id]), varint(3, type ?? NORMAL)]),
    );
  });
  const addSpace = metadata['tokenizer.ggml.add_space_prefix'] ?? true;
  const squeeze = metadata['tokenizer.ggml.remove_extra_whitespaces'] ?? false;
  const BPE = 2;
  const trainer = [varint(3, BPE), varint(35, types.includes(6) ? 1 : 0)];
  const normalizer = [varint(3, addSpace ? 1 : 0), varint(4, squeeze ? 1 : 0)];
  const model = [...pieces, field(2, Buffer.concat(trainer)), field(3, Buffer.concat(normalizer))];
  // transformers asks this class, and none other, to put a space before texts. llama.cpp puts it behind special tokens too.
  const space = addSpace ? { legacy: true } : { add_prefix_space: false };
  const settings = { tokenizer_class: 'LlamaTokenizer', ...space };
  return filesOf(metadata, tokens, settings, 'tokenizer.model', Buffer.concat(model));
}

function filesOf(
  metadata: Metadata,
  tokens: readonly string[],
  ofKind: object,
  name: string,
  bytes: Uint8Array,
): ReadonlyMap<string, Uint8Array> {
  const settings = {
    ...ofKind,
    bos_token: tokenOf(metadata, tokens, 'bos'),
    eos_token: tokenOf(metadata, tokens, 'eos'),
    unk_token: tokenOf(metadata, tokens, 'unknown'),
    pad_token: tokenOf(metadata, tokens, 'padding'),
    add_bos_token: metadata['tokenizer.ggml.add_bos_token'],
    clean_up_tokenization_spaces: false,
    chat_template: chatTemplateOf(metadata),
  };
  const files = new Map([
    [name, bytes],
    ['tokenizer_config.json', Buffer.from(JSON.stringify(settings))],
  ]);
  const ends = ['eos', 'eot', 'eom'].flatMap((end) => metadata[`tokenizer.ggml.${end}_token_id`] ?? []);
  if (ends.length > 1) {
    files.set('generation_config.json', Buffer.from(JSON.stringify({ eos_token_id: ends.map(Number) })));
  }
  return files;
}

/** One template, or where there are several a list of named ones, as tokenizer_config.json has them. */
function chatTemplateOf(metadata: Metadata): unknown {
  const template = metadata['tokenizer.chat_template'];
  const names = metadata['tokenizer.chat_templates'];
  if (!Array.isArray(names) || names.length === 0) return template;
  const named = names.map((name) => ({ name, template: metadata[`tokenizer.chat_template.${name}`] }));
  return template === undefined ? named : [{ name: 'default', template }, ...named];
}

function tokenOf(metadata: Metadata, tokens: readonly string[], name: string): string | undefined {
  const id = metadata[`tokenizer.ggml.${name}_token_id`];
  return id === undefined ? undefined : tokens[Number(id)];
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isNumber = (value: unknown): value is number => typeof value === 'number';

/** @throws EvolveError if it is missing, of other values, or not as long as it must be */
function list<T>(
  metadata: Metadata,
  name: string,
  isOne: (value: unknown) => value is T,
  length?: number,
): readonly T[] {
  const key = `tokenizer.ggml.${name}`;
  const fail = (what: string): never => {
    throw new EvolveError('MODEL_INVALID', `the GGUF file has ${what}`, ADVICE);
  };
  const given = metadata[key];
  if (given === undefined) return fail(`no ${key}`);
  if (!Array.isArray(given) && !ArrayBuffer.isView(given)) return fail(`no list under ${key}`);
  const values = Array.from(given as unknown as ArrayLike<unknown>);
  const other = values.find((value) => !isOne(value));
  if (other !== undefined) return fail(`${JSON.stringify(other)} among the values of ${key}`);
  if (values.length !== (length ?? values.length))
    return fail(`${values.length} values of ${key}, but ${length} tokens`);
  return values as T[];
}

// --- protobuf -----------------------------------------------------------------------------------------------

function number(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

function varint(tag: number, value: number): Buffer {
  return Buffer.concat([number(tag * 8), number(value)]);
}

function field(tag: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([number(tag * 8 + 2), number(bytes.length), bytes]);
}

function float(tag: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([number(tag * 8 + 5), bytes]);
}
