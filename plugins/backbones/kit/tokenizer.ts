import { EvolveError, type ModelFiles, type Tokenizer } from '../../../core/index.js';
import { byteOfToken } from './tokenizers/byte-alphabet.js';
import { sentencePieceTokenizer } from './tokenizers/sentencepiece/index.js';
import {
  readModelFile,
  type SentencePieceModel,
  withControls,
} from './tokenizers/sentencepiece/model-file.js';
import type { IsSpecial, TextTokenizer } from './tokenizers/text-tokenizer.js';
import { readTokenizerJson } from './tokenizers/tokenizer-json.js';

/** What a backbone does with a SentencePiece model in a way of its own. */
export interface SentencePieceOptions {
  /** The model's file. */
  readonly file?: string;
  /** The model as it is meant: with pieces that its file leaves out. */
  amend?(model: SentencePieceModel): SentencePieceModel;
  /** What is done to a text before it is encoded. */
  write?(text: string): string;
  /** What undoes that once it is decoded. */
  read?(text: string): string;
  /** The id of the model's first piece, from tokenizer_config.json. */
  firstId?(settings: Readonly<Record<string, unknown>>): number;
}

/** An id that a JSON file of the model gives. */
export interface ConfiguredId {
  readonly id: number;
  readonly file: string;
  readonly key: string;
}

/** A tokenizer with what its files say of special tokens. */
export interface LoadedTokenizer extends Tokenizer {
  /** At which answers end. */
  readonly stopIds: readonly number[];
  /** The id of a token by its content, special ones included. */
  idOf(content: string): number | undefined;
  /** The ids that config.json and generation_config.json give special tokens. */
  readonly configuredIds: readonly ConfiguredId[];
}

/**
 * The tokenizer of a model: its tokenizer.json, or else its SentencePiece model (tokenizer.model); the special tokens from
 * tokenizer_config.json, config.json and generation_config.json. Text never yields a special token, nor one at which
 * answers end: `</s>` in an instruction is data. Half of a character (a lone surrogate) is encoded as U+FFFD, which is
 * what UTF-8 has for it.
 *
 * @throws EvolveError if there is neither file, one cannot be read, or no end token is named, or one that it lacks
 */
export async function loadTokenizer(
  files: ModelFiles,
  options: SentencePieceOptions = {},
): Promise<LoadedTokenizer> {
  const settings = (await files.readJson('tokenizer_config.json')) ?? {};
  const config = (await files.readJson('config.json')) ?? {};
  const generation = (await files.readJson('generation_config.json')) ?? {};
  const begins = idsIn('config.json', config, 'bos_token_id');
  const configuredEnds = idsIn('config.json', config, 'eos_token_id');
  const ends = [...configuredEnds, ...idsIn('generation_config.json', generation, 'eos_token_id')];
  const endIds = ends.map(({ id }) => id);
  const isSpecial = specialTokens(settings, endIds);
  const { text, isSentencePiece } = await readFiles(files, options, settings, isSpecial);

  const idOf = (name: 'bos' | 'eos', [first]: readonly ConfiguredId[]) => {
    const content = markOf(name, settings, isSentencePiece);
    const id = content === undefined ? undefined : text.idOf(content);
    if (id !== undefined) return id;
    if (!contentOf(settings[`${name}_token`])) return first?.id;
    const message = `${files.path}/tokenizer_config.json: ${name}_token is ${JSON.stringify(content)}, which the tokenizer does not have`;
    throw new EvolveError('MODEL_INVALID', message, `Set ${name}_token to a token of the tokenizer.`);
  };
  const eosId = idOf('eos', configuredEnds);
  if (eosId === undefined) {
    const message = `${files.path}: neither tokenizer_config.json nor config.json names an end token`;
    throw new EvolveError('MODEL_INVALID', message, 'Set eos_token in tokenizer_config.json.');
  }
  // Whether texts begin with the beginning-of-text token is for the tokenizer to say, not for its mere existence. In
  // tokenizer.json the post-processor says it; with a SentencePiece model they do unless the settings say otherwise.
  const mayBegin = isSentencePiece ? settings.add_bos_token !== false : text.start.length > 0;
  const bosId = mayBegin ? idOf('bos', begins) : undefined;
  return {
    vocabularySize: text.vocabularySize,
    bosId: bosId !== undefined && (isSentencePiece || text.start[0] === bosId) ? bosId : null,
    eosId,
    stopIds: [...new Set([eosId, ...endIds])],
    configuredIds: [...begins, ...ends],
    idOf: (content) => text.idOf(content),
    encode: (plain) => text.encode(wellFormed(plain)),
    decode: (ids) => text.decode(ids),
  };
}

async function readFiles(
  files: ModelFiles,
  options: SentencePieceOptions,
  settings: Readonly<Record<string, unknown>>,
  isSpecial: IsSpecial,
): Promise<{ text: TextTokenizer; isSentencePiece: boolean }> {
  const json = await files.readJson('tokenizer.json');
  if (json) {
    const text = readTokenizerJson(json, `${files.path}/tokenizer.json`, isSpecial);
    return { text, isSentencePiece: false };
  }
  const { file = 'tokenizer.model', amend, write, read, firstId } = options;
  const bytes = await files.readFile(file);
  if (!bytes) {
    const message = `${files.path}: there is neither tokenizer.json nor ${file}`;
    const advice = 'Save the tokenizer with transformers (AutoTokenizer, save_pretrained).';
    throw new EvolveError('MODEL_INVALID', message, advice);
  }
  const path = `${files.path}/${file}`;
  const model = readModelFile(bytes, path);
  const first = firstId?.(settings) ?? 0;
  const controlled = withControls(amend?.(model) ?? model, (piece, id) => isSpecial(piece, id + first));
  const pieces = sentencePieceTokenizer(controlled, path);
  const text: TextTokenizer = {
    vocabularySize: pieces.vocabularySize + first,
    start: [],
    idOf: (content) => {
      const id = pieces.idOf(content);
      return id === undefined ? undefined : id + first;
    },
    encode: (plain) => pieces.encode(write?.(plain) ?? plain).map((id) => id + first),
    decode: (ids) => {
      const plain = pieces.decode(ids.map((id) => id - first));
      return read?.(plain) ?? plain;
    },
  };
  return { text, isSentencePiece: true };
}

/**
 * The special tokens that tokenizer_config.json names (`eos_token` and the like, `additional_special_tokens`), and those of
 * these ids. A single character or byte is none: texts could not be written without it.
 */
function specialTokens(settings: Readonly<Record<string, unknown>>, ids: readonly number[]): IsSpecial {
  const named = Object.entries(settings).flatMap(([key, value]) => (key.endsWith('_token') ? [value] : []));
  const listed = [settings.additional_special_tokens, settings.extra_special_tokens];
  const further = listed.flatMap((list) => Object.values(list ?? {}));
  const contents = new Set([...named, ...further].map(contentOf));
  return (content, id) =>
    (contents.has(content) || ids.includes(id)) &&
    Array.from(content).length > 1 &&
    byteOfToken(content) === undefined;
}

/**
 * The token that begins (`bos`) or ends (`eos`) a text, or has another name: the one that tokenizer_config.json gives
 * that name. A SentencePiece model has `<s>` and `</s>` where the file gives none.
 */
export function markOf(
  name: string,
  settings: Readonly<Record<string, unknown>>,
  isSentencePiece: boolean,
): string | undefined {
  const standard: Readonly<Record<string, string>> = isSentencePiece ? { bos: '<s>', eos: '</s>' } : {};
  return contentOf(settings[`${name}_token`]) || standard[name];
}

/** A token in tokenizer_config.json: its content, or an object that has it. */
function contentOf(token: unknown): string | undefined {
  const content = typeof token === 'string' ? token : (token as { content?: unknown } | null)?.content;
  return typeof content === 'string' ? content : undefined;
}

/** What a file gives under a key: one id, a list of them, or nothing. */
function idsIn(file: string, json: Readonly<Record<string, unknown>>, key: string): ConfiguredId[] {
  return [json[key]].flat().flatMap((id) => (typeof id === 'number' && id >= 0 ? [{ id, file, key }] : []));
}

/** The text with U+FFFD for halves of characters. */
function wellFormed(text: string): string {
  return /\p{Surrogate}/u.test(text) ? text.replace(/\p{Surrogate}/gu, '\ufffd') : text;
}
