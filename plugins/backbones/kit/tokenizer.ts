import { EvolveError, type ModelFiles, type TextPart, type Tokenizer } from '../../../core/index.js';
import { contentOf, markOf, readTokenizerSettings, type TokenizerSettings } from './tokenizer-settings.js';
import { encodersOf } from './tokenizers/encode-parts.js';
import { withAdded, withControls } from './tokenizers/sentencepiece/added-pieces.js';
import { sentencePieceTokenizer } from './tokenizers/sentencepiece/index.js';
import { readModelFile, type SentencePieceModel } from './tokenizers/sentencepiece/model-file.js';
import type { TextTokenizer } from './tokenizers/text-tokenizer.js';
import { readTokenizerJson } from './tokenizers/tokenizer-json.js';

/** What a backbone does with a SentencePiece model in a way of its own. */
export interface SentencePieceOptions {
  /** The model's file. */
  readonly file?: string | undefined;
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
  readonly special: ReadonlyMap<string, number>;
  encodeParts(parts: readonly TextPart[]): number[][];
  /** At which answers end. */
  readonly stopIds: readonly number[];
  /** With which every text begins. */
  readonly startIds: readonly number[];
  /** The id of a token by its content, special ones included. */
  idOf(content: string): number | undefined;
  /** The content of a token that text may yield; undefined of a special one, and where there is none of this id. */
  textTokenOf(id: number): string | undefined;
  /** The ids that config.json and generation_config.json give special tokens. */
  readonly configuredIds: readonly ConfiguredId[];
}

/**
 * The tokenizer of a model: its tokenizer.json, or else its SentencePiece model (tokenizer.model); further tokens from
 * added_tokens.json and tokenizer_config.json; the special tokens that the latter and special_tokens_map.json name. Text
 * never yields a special token: `</s>` in an instruction is data. The end ids of config.json and generation_config.json
 * end answers, and make no token special. Half of a character (a lone surrogate) is encoded as U+FFFD, which is what
 * UTF-8 has for it.
 *
 * @throws EvolveError if there is neither file, one cannot be read, or no end token is named, or one that it lacks
 */
export async function loadTokenizer(
  files: ModelFiles,
  options: SentencePieceOptions = {},
): Promise<LoadedTokenizer> {
  const settings = await readTokenizerSettings(files);
  const config = (await files.readJson('config.json')) ?? {};
  const generation = (await files.readJson('generation_config.json')) ?? {};
  const ids = (file: string, json: typeof config, key: string) => idsIn(files.path, file, json, key);
  const begins = ids('config.json', config, 'bos_token_id');
  const configuredEnds = ids('config.json', config, 'eos_token_id');
  const ends = [...configuredEnds, ...ids('generation_config.json', generation, 'eos_token_id')];
  const { text, isSentencePiece } = await readFiles(files, options, settings);

  const { values } = settings;
  const idOf = (name: 'bos' | 'eos', [first]: readonly ConfiguredId[]) => {
    const content = markOf(name, values, isSentencePiece);
    const id = content === undefined ? undefined : text.idOf(content);
    if (id !== undefined) return id;
    if (!contentOf(values[`${name}_token`])) return first?.id;
    const message = `${files.path}/tokenizer_config.json: ${name}_token is ${JSON.stringify(content)}, which the tokenizer does not have`;
    throw new EvolveError('MODEL_INVALID', message, `Set ${name}_token to a token of the tokenizer.`);
  };
  const eosId = idOf('eos', configuredEnds);
  if (eosId === undefined) {
    const message = `${files.path}: neither tokenizer_config.json nor config.json names an end token`;
    throw new EvolveError('MODEL_INVALID', message, 'Set eos_token in tokenizer_config.json.');
  }
  // With what texts begin is for the tokenizer to say. In tokenizer.json the post-processor says it, whatever the tokens
  // are called; with a SentencePiece model it is the beginning-of-text token unless the settings say otherwise.
  const mayBegin = isSentencePiece && values.add_bos_token !== false;
  const bosId = mayBegin ? idOf('bos', begins) : undefined;
  const startIds = bosId === undefined ? text.start : [bosId];
  return {
    vocabularySize: text.vocabularySize,
    bosId: startIds[0] ?? null,
    startIds,
    eosId,
    stopIds: [...new Set([eosId, ...ends.map(({ id }) => id)])],
    configuredIds: [...begins, ...ends],
    idOf: (content) => text.idOf(content),
    textTokenOf: (id) => text.textTokenOf(id),
    special: new Map(text.added.flatMap(({ special, content, id }) => (special ? [[content, id]] : []))),
    ...encodersOf(text),
    decode: (ids) => text.decode(ids),
  };
}

async function readFiles(
  files: ModelFiles,
  options: SentencePieceOptions,
  settings: TokenizerSettings,
): Promise<{ text: TextTokenizer; isSentencePiece: boolean }> {
  const json = await files.readJson('tokenizer.json');
  if (json) {
    const text = readTokenizerJson(json, `${files.path}/tokenizer.json`, settings);
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
  const first = firstId?.(settings.values) ?? 0;
  const { addDummyPrefix } = model.normalizer;
  const { spaceBefore = addDummyPrefix, spaceBeforeParts } = settings;
  const amended = withControls(amend?.(model) ?? model, settings.isSpecial);
  const added = settings.added.map((token) => ({ ...token, id: token.id - first }));
  const { model: whole, plain: found } = withAdded(amended, added);
  const normalizer = { ...whole.normalizer, addDummyPrefix: spaceBefore };
  const pieces = sentencePieceTokenizer({ ...whole, normalizer }, path);
  const text: TextTokenizer = {
    vocabularySize: pieces.vocabularySize + first,
    start: [],
    idOf: (content) => {
      const id = pieces.idOf(content);
      return id === undefined ? undefined : id + first;
    },
    textTokenOf: (id) => pieces.textTokenOf(id - first),
    added: [...found, ...pieces.added].map((token) => ({ ...token, id: token.id + first })),
    encodeBetween: (plain, isFirst) => {
      const begins = isFirst || (spaceBeforeParts && !plain.startsWith(' '));
      return pieces.encode(write?.(plain) ?? plain, spaceBefore && begins).map((id) => id + first);
    },
    decode: (ids) => {
      const plain = pieces.decode(ids.map((id) => id - first));
      return read?.(plain) ?? plain;
    },
  };
  return { text, isSentencePiece: true };
}

/**
 * What a file gives under a key: one id, a list of them, or nothing, for which some files have a number below 0.
 *
 * @throws EvolveError if it is anything else
 */
function idsIn(
  path: string,
  file: string,
  json: Readonly<Record<string, unknown>>,
  key: string,
): ConfiguredId[] {
  return [json[key] ?? []].flat().flatMap((id: unknown) => {
    if (typeof id === 'number' && Number.isInteger(id)) return id < 0 ? [] : [{ id, file, key }];
    const message = `${path}/${file}: ${key} should be the id of a token, or a list of them, but is ${JSON.stringify(json[key])}`;
    throw new EvolveError('MODEL_INVALID', message, `Set ${key} to a whole number, or leave it out.`);
  });
}
