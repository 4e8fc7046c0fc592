/** What the files beside a tokenizer say of its tokens: which there are further, and which are special. */

import type { ModelFiles } from '../../../core/index.js';
import { byteOfToken } from './tokenizers/byte-alphabet.js';
import { tokenizerError } from './tokenizers/malformed.js';
import type { Additions } from './tokenizers/text-tokenizer.js';
import {
  type AddedToken,
  addedTokensSchema,
  addedTokenTable,
  parse,
} from './tokenizers/tokenizer-json-schema.js';

export interface TokenizerSettings extends Additions {
  /** tokenizer_config.json, with the special tokens that special_tokens_map.json names. */
  readonly values: Readonly<Record<string, unknown>>;
}

/**
 * Of added_tokens.json and special_tokens_map.json, and of `added_tokens_decoder` of tokenizer_config.json. Where the
 * last is there the others are older, as in transformers: it alone then lists tokens.
 *
 * @throws EvolveError if one is malformed
 */
export async function readTokenizerSettings(
  files: Pick<ModelFiles, 'path' | 'readJson'>,
): Promise<TokenizerSettings> {
  const config = (await files.readJson('tokenizer_config.json')) ?? {};
  const map = (await files.readJson('special_tokens_map.json')) ?? {};
  const { added_tokens_decoder: decoder } = config;
  const values = decoder ? { ...map, ...config } : { ...config, ...map };
  const isSpecial = specialTokens(values);
  const of = (name: string) => `${files.path}/${name}`;
  const listed = decoder
    ? tokensOfDecoder(decoder, of('tokenizer_config.json'))
    : tokensOfTable((await files.readJson('added_tokens.json')) ?? {}, of('added_tokens.json'));
  const added = listed.map((token) => ({ ...token, special: token.special || isSpecial(token.content) }));
  const { add_prefix_space: prefix, tokenizer_class: name } = values;
  // Other classes take the space as the tokenizer's own file says.
  const decides = name === undefined || /^(Code)?LlamaTokenizer(Fast)?$/.test(String(name));
  return {
    values,
    added,
    isSpecial,
    spaceBefore: decides && typeof prefix === 'boolean' ? prefix : undefined,
    spaceBeforeParts: values.legacy === true,
  };
}

/** Id -> token, each with its flags. */
function tokensOfDecoder(decoder: unknown, file: string): AddedToken[] {
  const tokens = parse(addedTokensSchema, decoder, file, 'added_tokens_decoder.');
  return Object.entries(tokens).map(([id, token]) => ({ ...token, id: idOf(Number(id), file) }));
}

/** Content -> id. As in transformers, such a token is found after the text is normalized unless it is special. */
function tokensOfTable(table: unknown, file: string): AddedToken[] {
  const ids = parse(addedTokenTable, table, file);
  return Object.entries(ids).map(([content, id]) => ({ content, id: idOf(id, file), normalized: true }));
}

/** Vocabularies have a few hundred thousand tokens. */
const MOST = 2 ** 24;

function idOf(id: number, file: string): number {
  if (Number.isInteger(id) && id >= 0 && id < MOST) return id;
  throw tokenizerError(file, `an added token has the id ${id}, which can be none`);
}

/**
 * The special tokens by name (`eos_token` and the like, `additional_special_tokens`). A single character or byte is none:
 * texts could not be written without it.
 */
function specialTokens(values: Readonly<Record<string, unknown>>): (content: string) => boolean {
  const named = Object.entries(values).flatMap(([key, value]) => (key.endsWith('_token') ? [value] : []));
  const listed = [values.additional_special_tokens, values.extra_special_tokens];
  const further = listed.flatMap((list) => Object.values(list ?? {}));
  const contents = new Set([...named, ...further].map(contentOf));
  return (content) =>
    contents.has(content) && Array.from(content).length > 1 && byteOfToken(content) === undefined;
}

/**
 * The token that begins (`bos`) or ends (`eos`) a text, or has another name: the one that the settings give that name.
 * A SentencePiece model has `<s>` and `</s>` where they give none.
 */
export function markOf(
  name: string,
  values: Readonly<Record<string, unknown>>,
  isSentencePiece: boolean,
): string | undefined {
  const standard: Readonly<Record<string, string>> = isSentencePiece ? { bos: '<s>', eos: '</s>' } : {};
  return contentOf(values[`${name}_token`]) || standard[name];
}

/** A token in tokenizer_config.json: its content, or an object that has it. */
export function contentOf(token: unknown): string | undefined {
  const content = typeof token === 'string' ? token : (token as { content?: unknown } | null)?.content;
  return typeof content === 'string' ? content : undefined;
}
