/**
 * tokenizer.json or tokenizer.model -> the `tokenizer.` keys of GGUF. Two kinds are known: BPE over pieces with "▁" for a space and bytes
 * where nothing fits, SentencePiece's ("llama"); and BPE over bytes ("gpt2"), with the name that llama.cpp has for the
 * way in which it splits text beforehand.
 */

import { type ModelFiles, z } from '../../../core/index.js';
import { loadTokenizer } from '../../backbones/kit/tokenizer.js';
import {
  markOf,
  readTokenizerSettings,
  type TokenizerSettings,
} from '../../backbones/kit/tokenizer-settings.js';
import { allAdded } from '../../backbones/kit/tokenizers/added-tokens.js';
import { withAdded, withControls } from '../../backbones/kit/tokenizers/sentencepiece/added-pieces.js';

import {
  PIECE_TYPES,
  readModelFile,
  type SentencePieceModel,
} from '../../backbones/kit/tokenizers/sentencepiece/model-file.js';
import { withoutSpaceBefore } from '../../backbones/kit/tokenizers/space-before.js';
import { type Part, partsOf } from '../../backbones/kit/tokenizers/text-steps.js';
import { type MetadataValue, unwritable } from '../kit/gguf/index.js';
import { preTokenizerName } from './pre-tokenizers.js';

interface TokenizerJson {
  readonly added_tokens?: readonly { id: number; content: string; special: boolean }[];
  readonly normalizer?: Part | null;
  readonly pre_tokenizer?: Part | null;
  readonly model: {
    readonly type: string;
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly (string | readonly [string, string])[];
    readonly byte_fallback?: boolean;
    readonly unk_token?: string | null;
    readonly ignore_merges?: boolean;
  };
}

/** llama.cpp's token types: those of SentencePiece. */
const TOKEN = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** What tokenizer.json is written with where it stands for SentencePiece's BPE. */
const SENTENCE_PIECE_PARTS = ['Prepend', 'Replace', 'Metaspace'];

type Files = ReadonlyMap<string, Uint8Array>;

/** The tokens of a vocabulary by their ids, and what each is. */
interface Vocabulary {
  readonly tokens: readonly string[];
  readonly types: number[];
  /** What only this kind of tokenizer has. */
  readonly metadata: readonly [string, MetadataValue][];
  readonly unknownId?: number;
}

/** A JSON file of the model; undefined if there is none. */
export function parsed(files: Files, name: string): Record<string, unknown> | undefined {
  const bytes = files.get(name);
  return bytes && JSON.parse(new TextDecoder().decode(bytes));
}

/**
 * How texts begin and where answers end is what `loadTokenizer` makes of the files, as in training.
 *
 * @param files of the model, by name
 * @param config config.json
 * @throws EvolveError if there is no tokenizer, or none that GGUF has a name for here
 */
export async function tokenizerMetadata(
  files: Files,
  config: Readonly<Record<string, unknown>>,
): Promise<[string, MetadataValue][]> {
  const asked = modelFilesOf(files, config);
  const settings = await readTokenizerSettings(asked);
  const { values } = settings;
  const { tokens, types, metadata, unknownId } = vocabularyOf(files, Number(config.vocab_size), settings);
  const { startIds, eosId, stopIds, idOf } = await loadTokenizer(asked);
  if (startIds.length > 1) {
    const begin = startIds.map((id) => JSON.stringify(tokens[id])).join(', ');
    throw unwritable(`GGUF has room for one token with which texts begin, but here ${begin} come first`);
  }
  const named = (name: string): number | undefined => {
    const content = markOf(name, values, !files.has('tokenizer.json'));
    const [configured] = [config[`${name}_token_id`]].flat();
    const id = (content === undefined ? undefined : idOf(content)) ?? configured;
    return typeof id === 'number' && id >= 0 && id < tokens.length ? id : undefined;
  };
  const ids = {
    bos: startIds[0] ?? named('bos'),
    eos: eosId,
    ...furtherEnds(stopIds.filter((id) => id !== eosId)),
    unknown: unknownId ?? named('unk'),
    padding: named('pad'),
  };
  const jinja = files.get('chat_template.jinja');
  const template = jinja ? new TextDecoder().decode(jinja) : values.chat_template;
  return [
    ...metadata,
    ['tokenizer.ggml.tokens', { strings: tokens }],
    ['tokenizer.ggml.token_type', { i32s: types }],
    ...Object.entries(ids).flatMap(([name, id]): [string, MetadataValue][] =>
      id === undefined ? [] : [[`tokenizer.ggml.${name}_token_id`, { u32: id }]],
    ),
    ['tokenizer.ggml.add_bos_token', { bool: startIds.length > 0 }],
    // A prompt never ends with the end token: it follows answers.
    ['tokenizer.ggml.add_eos_token', { bool: false }],
    ...chatTemplates(template),
  ];
}

function modelFilesOf(files: Files, config: Readonly<Record<string, unknown>>): ModelFiles {
  return {
    path: 'the model',
    readFile: async (name) => files.get(name),
    readJson: async (name) => (name === 'config.json' ? config : parsed(files, name)),
  };
}

/** Ends of an answer other than the end token, under the names that GGUF has for two. */
function furtherEnds([eot, eom, ...others]: readonly number[]): Record<string, number | undefined> {
  if (others.length === 0) return { eot, eom };
  throw unwritable(`GGUF has room for three end tokens, but the model's files name ${others.length + 3}`);
}

/** The template, or each of several under its name. */
function chatTemplates(template: unknown): [string, MetadataValue][] {
  if (template === undefined || template === null) return [];
  if (typeof template === 'string') return [['tokenizer.chat_template', { string: template }]];
  const { data } = z.array(z.object({ name: z.string(), template: z.string() })).safeParse(template);
  if (!data)
    throw unwritable('chat_template of tokenizer_config.json is neither a text nor a list of named texts');
  const names = data.map(({ name }) => name).filter((name) => name !== 'default');
  return [
    ...data.map(({ name, template: string }): [string, MetadataValue] => [
      name === 'default' ? 'tokenizer.chat_template' : `tokenizer.chat_template.${name}`,
      { string },
    ]),
    ['tokenizer.chat_templates', { strings: names }],
  ];
}

function vocabularyOf(files: Files, rows: number, settings: TokenizerSettings): Vocabulary {
  const tokenizer = parsed(files, 'tokenizer.json') as TokenizerJson | undefined;
  if (tokenizer) return ofTokenizerJson(tokenizer, rows, settings);
  const pieces = files.get('tokenizer.model');
  if (pieces) return ofSentencePiece(readModelFile(pieces, 'tokenizer.model'), rows, settings);
  throw unwritable("GGUF needs the model's tokenizer.json or tokenizer.model, and neither is there");
}

function ofTokenizerJson(own: TokenizerJson, rows: number, settings: TokenizerSettings): Vocabulary {
  const tokenizer = settings.spaceBefore === false ? withoutSpaceBefore(own) : own;
  const { model, pre_tokenizer } = tokenizer;
  if (model.type !== 'BPE')
    throw unwritable(`GGUF is written with a tokenizer of type BPE, not ${model.type}`);
  const added = allAdded(tokenizer.added_tokens ?? [], settings.added, model.vocab);
  const vocabulary = new Map(Object.entries(model.vocab));
  for (const { content, id } of added) vocabulary.set(content, id);
  // Tokens that no text yields may be without a row: they are left out.
  for (const [content, id] of vocabulary) if (id >= rows) vocabulary.delete(content);
  const { tokens, types } = padded(rows);
  for (const [token, id] of vocabulary) {
    tokens[id] = token;
    types[id] = settings.isSpecial(token) ? TOKEN.control : TOKEN.normal;
  }
  for (const { id, special, content } of added) {
    if (id < rows) types[id] = special || settings.isSpecial(content) ? TOKEN.control : TOKEN.userDefined;
  }
  const unknownId = vocabulary.get(model.unk_token ?? '');
  if (unknownId !== undefined) types[unknownId] = TOKEN.unknown;
  const isByteLevel = partsOf(pre_tokenizer, 'pretokenizers').some(({ type }) => type === 'ByteLevel');
  const metadata = isByteLevel ? byteLevel(tokenizer) : scored(tokenizer, vocabulary, tokens, types);
  return { tokens, types, metadata, unknownId };
}

function ofSentencePiece(own: SentencePieceModel, rows: number, settings: TokenizerSettings): Vocabulary {
  const { pieces, algorithm, normalizer } = withAdded(
    withControls(own, settings.isSpecial),
    settings.added,
  ).model;
  if (algorithm !== 'bpe') throw unwritable(`GGUF is written with a tokenizer of type BPE, not ${algorithm}`);
  const { tokens, types } = padded(rows);
  const scores = new Array<number>(rows).fill(0);
  for (const [id, { piece, score, type }] of pieces.slice(0, rows).entries()) {
    if (piece === '') continue;
    tokens[id] = piece;
    types[id] = PIECE_TYPES.indexOf(type) + 1;
    scores[id] = score;
  }
  const unknown = pieces.findIndex(({ type }) => type === 'unknown');
  return {
    tokens,
    types,
    metadata: sentencePiece(scores, settings.spaceBefore ?? normalizer.addDummyPrefix),
    unknownId: unknown < 0 ? undefined : unknown,
  };
}

/** As many tokens as the embedding has rows. */
function padded(rows: number): { tokens: string[]; types: number[] } {
  const tokens = Array.from({ length: rows }, (_, id) => `[PAD${id}]`);
  return { tokens, types: new Array<number>(rows).fill(TOKEN.unused) };
}

/**
 * SentencePiece merges the pair whose whole has the highest score: here the earlier a whole stands among the merges,
 * the higher. Bytes get their type and, like all else that no merge makes, the lowest score.
 */
function scored(
  tokenizer: TokenizerJson,
  vocabulary: ReadonlyMap<string, number>,
  tokens: readonly string[],
  types: number[],
): [string, MetadataValue][] {
  const { model, normalizer, pre_tokenizer } = tokenizer;
  const parts = [...partsOf(normalizer, 'normalizers'), ...partsOf(pre_tokenizer, 'pretokenizers')];
  const foreign = parts.find(({ type }) => !SENTENCE_PIECE_PARTS.includes(type));
  if (foreign) throw unwritable(`GGUF has no name for what tokenizer.json does to text with ${foreign.type}`);
  const { merges } = model;
  const scores = new Array<number>(tokens.length).fill(-merges.length);
  for (const [rank, merge] of [...merges.entries()].reverse()) {
    const id = vocabulary.get(halvesOf(merge).join(''));
    if (id !== undefined) scores[id] = -rank;
  }
  for (const [id, token] of tokens.entries()) {
    if (types[id] === TOKEN.normal && /^<0x[0-9A-F]{2}>$/.test(token)) types[id] = TOKEN.byte;
  }
  return sentencePiece(scores, beginsWithSpace(tokenizer));
}

/** Whether a space is put before a text, by the normalizer or, as newer files have it, by Metaspace. */
function beginsWithSpace({ normalizer, pre_tokenizer }: TokenizerJson): boolean {
  if (partsOf(normalizer, 'normalizers').some(({ type }) => type === 'Prepend')) return true;
  const metaspace = partsOf(pre_tokenizer, 'pretokenizers').find(({ type }) => type === 'Metaspace');
  if (!metaspace) return false;
  const { prepend_scheme: scheme, add_prefix_space: formerly } = metaspace;
  return scheme === undefined ? formerly !== false : scheme !== 'never';
}

function sentencePiece(scores: readonly number[], addsSpace: boolean): [string, MetadataValue][] {
  return [
    ['tokenizer.ggml.model', { string: 'llama' }],
    ['tokenizer.ggml.pre', { string: 'default' }],
    ['tokenizer.ggml.scores', { f32s: scores }],
    ['tokenizer.ggml.add_space_prefix', { bool: addsSpace }],
  ];
}

function byteLevel(tokenizer: TokenizerJson): [string, MetadataValue][] {
  const name = preTokenizerName(tokenizer);
  if (name === undefined)
    throw unwritable(
      'GGUF has no name for the way in which tokenizer.json splits text (pre_tokenizer, normalizer)',
    );
  return [
    ['tokenizer.ggml.model', { string: 'gpt2' }],
    ['tokenizer.ggml.pre', { string: name }],
    ['tokenizer.ggml.merges', { strings: tokenizer.model.merges.map((merge) => halvesOf(merge).join(' ')) }],
  ];
}

function halvesOf(merge: string | readonly [string, string]): readonly string[] {
  return typeof merge === 'string' ? merge.split(' ') : merge;
}
