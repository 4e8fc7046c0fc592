import { EvolveError, type ModelRequest, type Tokenizer } from '../../core/index.js';
import { sentencePieceTokenizer } from './tokenizers/sentencepiece/index.js';
import { readModelFile, type SentencePieceModel } from './tokenizers/sentencepiece/model-file.js';
import type { TextTokenizer } from './tokenizers/text-tokenizer.js';
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

/** A tokenizer that can also be asked for the id of a token by its content, special ones included. */
export interface LoadedTokenizer extends Tokenizer {
  idOf(content: string): number | undefined;
}

/**
 * The tokenizer of a model: its tokenizer.json, or else its SentencePiece model (tokenizer.model); the special tokens from
 * tokenizer_config.json, config.json and generation_config.json. Text never yields a special token: `</s>` in an
 * instruction is data. Half of a character (a lone surrogate) is encoded as U+FFFD, which is what UTF-8 has for it.
 *
 * @throws EvolveError where there is neither file, one cannot be read, or no end token is named
 */
export async function loadTokenizer(
  request: ModelRequest,
  options: SentencePieceOptions = {},
): Promise<LoadedTokenizer> {
  const settings = (await request.readJson('tokenizer_config.json')) ?? {};
  const config = (await request.readJson('config.json')) ?? {};
  const generation = (await request.readJson('generation_config.json')) ?? {};
  const { text, isSentencePiece } = await readFiles(request, options, settings);

  const idOf = (name: 'bos' | 'eos', standard: string): number | undefined => {
    const token = settings[`${name}_token`] as string | { content: string } | null | undefined;
    const content = typeof token === 'string' ? token : token?.content;
    const [configured] = idsIn(config[`${name}_token_id`]);
    return (
      (content ? text.idOf(content) : undefined) ??
      (isSentencePiece ? text.idOf(standard) : undefined) ??
      configured
    );
  };
  const eosId = idOf('eos', '</s>');
  if (eosId === undefined) {
    const message = `${request.path}: neither tokenizer_config.json nor config.json names an end token`;
    throw new EvolveError('MODEL_INVALID', message, 'Set eos_token in tokenizer_config.json.');
  }
  // Whether texts begin with the beginning-of-text token is for the tokenizer to say, not for its mere existence. In
  // tokenizer.json the post-processor says it; of SentencePiece models LLaMA's do unless their settings say otherwise.
  const bosId = idOf('bos', '<s>');
  const begins = isSentencePiece ? settings.add_bos_token !== false : text.start[0] === bosId;
  return {
    vocabularySize: text.vocabularySize,
    bosId: bosId !== undefined && begins ? bosId : null,
    eosId,
    stopIds: [...new Set([eosId, ...idsIn(config.eos_token_id), ...idsIn(generation.eos_token_id)])],
    idOf: (content) => text.idOf(content),
    encode: (plain) => text.encode(wellFormed(plain)),
    decode: (ids) => text.decode(ids),
  };
}

async function readFiles(
  request: ModelRequest,
  options: SentencePieceOptions,
  settings: Readonly<Record<string, unknown>>,
): Promise<{ text: TextTokenizer; isSentencePiece: boolean }> {
  const json = await request.readJson('tokenizer.json');
  if (json) {
    return { text: readTokenizerJson(json, `${request.path}/tokenizer.json`), isSentencePiece: false };
  }
  const { file = 'tokenizer.model', amend, write, read, firstId } = options;
  const bytes = await request.readFile(file);
  if (!bytes) {
    const message = `${request.path}: there is neither tokenizer.json nor ${file}`;
    const advice = 'Save the tokenizer with transformers (AutoTokenizer, save_pretrained).';
    throw new EvolveError('MODEL_INVALID', message, advice);
  }
  const path = `${request.path}/${file}`;
  const model = readModelFile(bytes, path);
  const pieces = sentencePieceTokenizer(amend?.(model) ?? model, path);
  const first = firstId?.(settings) ?? 0;
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

/** One id, a list of them, or nothing. */
function idsIn(value: unknown): number[] {
  return [value].flat().filter((id): id is number => typeof id === 'number' && id >= 0);
}

/** The text with U+FFFD for halves of characters. */
function wellFormed(text: string): string {
  return /\p{Surrogate}/u.test(text) ? text.replace(/\p{Surrogate}/gu, '\ufffd') : text;
}
