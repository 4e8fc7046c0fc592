/**
 * tokenizer.json or tokenizer.model -> the `tokenizer.` keys of GGUF. Two kinds are known: BPE over pieces with "▁" for a space and bytes
 * where nothing fits, SentencePiece's ("llama"); and BPE over bytes ("gpt2"), with the name that llama.cpp has for the
 * way in which it splits text beforehand.
 */

import { z } from '../../../core/index.js';
import { markOf } from '../../backbones/kit/tokenizer.js';
import {
  PIECE_TYPES,
  readModelFile,
  type SentencePieceModel,
} from '../../backbones/kit/tokenizers/sentencepiece/model-file.js';
import { type Part, partsOf } from '../../backbones/kit/tokenizers/text-steps.js';
import { type MetadataValue, unwritable } from '../kit/gguf/index.js';
import { preTokenizerName } from './pre-tokenizers.js';

interface TokenizerJson {
  readonly added_tokens?: readonly { id: number; content: string; special: boolean }[];
  readonly normalizer?: Part | null;
  readonly pre_tokenizer?: Part | null;
  readonly post_processor?: object | null;
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
const SENTENCE_PIECE_PARTS = ['Prepend', 'Replace', 'Metaspace', 'Split'];

type Files = ReadonlyMap<string, Uint8Array>;

/** The tokens of a vocabulary by their ids, and what each is. */
interface Vocabulary {
  readonly tokens: readonly string[];
  readonly types: number[];
  /** What only this kind of tokenizer has. */
  readonly metadata: readonly [string, MetadataValue][];
  readonly unknownId?: number;
  /** Whether texts begin with the beginning-of-text token where tokenizer_config.json does not say. */
  readonly begins: (bos: string | undefined) => boolean;
}

/** A JSON file of the model; undefined if there is none. */
export function parsed(files: Files, name: string): Record<string, unknown> | undefined {
  const bytes = files.get(name);
  return bytes && JSON.parse(new TextDecoder().decode(bytes));
}

/**
 * @param files of the model, by name
 * @param config config.json
 * @throws EvolveError if there is no tokenizer, or none that GGUF has a name for here
 */
export function tokenizerMetadata(
  files: Files,
  config: Readonly<Record<string, unknown>>,
): [string, MetadataValue][] {
  const rows = Number(config.vocab_size);
  const { tokens, types, metadata, unknownId, begins } = vocabularyOf(files, rows);
  const settings = parsed(files, 'tokenizer_config.json') ?? {};
  const isSentencePiece = !files.has('tokenizer.json');
  const idOf = (name: string): number | undefined => {
    const content = markOf(name, settings, isSentencePiece);
    const id = content === undefined ? -1 : tokens.indexOf(content);
    const [configured] = [config[`${name}_token_id`]].flat();
    if (id >= 0) return id;
    return typeof configured === 'number' && configured >= 0 ? configured : undefined;
  };
  const eos = idOf('eos');
  const ids = {
    bos: idOf('bos'),
    eos,
    ...furtherEnds(eos, config, parsed(files, 'generation_config.json') ?? {}),
    unknown: unknownId ?? idOf('unk'),
    padding: idOf('pad'),
  };
  const bos = ids.bos === undefined ? undefined : tokens[ids.bos];
  const jinja = files.get('chat_template.jinja');
  const template = jinja ? new TextDecoder().decode(jinja) : settings.chat_template;
  return [
    ...metadata,
    ['tokenizer.ggml.tokens', { strings: tokens }],
    ['tokenizer.ggml.token_type', { i32s: types }],
    ...Object.entries(ids).flatMap(([name, id]): [string, MetadataValue][] =>
      id === undefined ? [] : [[`tokenizer.ggml.${name}_token_id`, { u32: id }]],
    ),
    ['tokenizer.ggml.add_bos_token', { bool: Boolean(settings.add_bos_token ?? begins(bos)) }],
    ['tokenizer.ggml.add_eos_token', { bool: settings.add_eos_token === true }],
    ...chatTemplates(template),
  ];
}

/** Ends of an answer other than the end token, under the names that GGUF has for two. */
function furtherEnds(
  eos: number | undefined,
  config: Readonly<Record<string, unknown>>,
  generation: Readonly<Record<string, unknown>>,
): Record<string, number | undefined> {
  const ends = [config.eos_token_id, generation.eos_token_id].flat().filter((id) => typeof id === 'number');
  const [eot, eom, ...others] = new Set(ends.filter((id) => id !== eos));
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

function vocabularyOf(files: Files, rows: number): Vocabulary {
  const tokenizer = parsed(files, 'tokenizer.json') as TokenizerJson | undefined;
  if (tokenizer) return ofTokenizerJson(tokenizer, rows);
  const pieces = files.get('tokenizer.model');
  if (pieces) return ofSentencePiece(readModelFile(pieces, 'tokenizer.model'), rows);
  throw unwritable("GGUF needs the model's tokenizer.json or tokenizer.model, and neither is there");
}

function ofTokenizerJson(tokenizer: TokenizerJson, rows: number): Vocabulary {
  const { model, added_tokens: added = [], pre_tokenizer, post_processor } = tokenizer;
  if (model.type !== 'BPE')
    throw unwritable(`GGUF is written with a tokenizer of type BPE, not ${model.type}`);
  const vocabulary = new Map(Object.entries(model.vocab));
  for (const { content, id } of added) vocabulary.set(content, id);
  const { tokens, types } = padded(rows);
  for (const [token, id] of vocabulary) {
    tokens[id] = token;
    types[id] = TOKEN.normal;
  }
  for (const { id, special } of added) types[id] = special ? TOKEN.control : TOKEN.userDefined;
  const unknownId = vocabulary.get(model.unk_token ?? '');
  if (unknownId !== undefined) types[unknownId] = TOKEN.unknown;
  const isByteLevel = partsOf(pre_tokenizer, 'pretokenizers').some(({ type }) => type === 'ByteLevel');
  const metadata = isByteLevel ? byteLevel(tokenizer) : scored(tokenizer, vocabulary, tokens, types);
  const begins = (bos: string | undefined) => JSON.stringify(post_processor ?? {}).includes(`"${bos}"`);
  return { tokens, types, metadata, unknownId, begins };
}

function ofSentencePiece({ pieces, algorithm, normalizer }: SentencePieceModel, rows: number): Vocabulary {
  if (algorithm !== 'bpe') throw unwritable(`GGUF is written with a tokenizer of type BPE, not ${algorithm}`);
  const { tokens, types } = padded(rows);
  const scores = new Array<number>(rows).fill(0);
  for (const [id, { piece, score, type }] of pieces.entries()) {
    tokens[id] = piece;
    types[id] = PIECE_TYPES.indexOf(type) + 1;
    scores[id] = score;
  }
  const unknown = pieces.findIndex(({ type }) => type === 'unknown');
  return {
    tokens,
    types,
    metadata: sentencePiece(scores, normalizer.addDummyPrefix),
    unknownId: unknown < 0 ? undefined : unknown,
    begins: () => true,
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
