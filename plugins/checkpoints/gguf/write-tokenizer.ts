/**
 * tokenizer.json -> the `tokenizer.` keys of GGUF. Two kinds are known: BPE over pieces with "▁" for a space and bytes
 * where nothing fits, SentencePiece's ("llama"); and BPE over bytes ("gpt2"), with the name that llama.cpp has for the
 * way in which it splits text beforehand.
 */

import { EvolveError } from '../../../core/index.js';
import type { MetadataValue } from './write.js';

interface TokenizerJson {
  readonly added_tokens?: readonly { id: number; content: string; special: boolean }[];
  readonly normalizer?: object | null;
  readonly pre_tokenizer?: object | null;
  readonly post_processor?: object | null;
  readonly model: {
    readonly type: string;
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly (string | readonly [string, string])[];
    readonly byte_fallback?: boolean;
    readonly unk_token?: string | null;
  };
}

/** llama.cpp's token types. */
const TOKEN = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** @param json a file of the model by name, parsed */
export function tokenizerMetadata(
  json: (name: string) => Record<string, unknown> | undefined,
  config: Record<string, unknown>,
  chatTemplate: Uint8Array | undefined,
): [string, MetadataValue][] {
  const tokenizer = json('tokenizer.json') as unknown as TokenizerJson | undefined;
  if (!tokenizer)
    throw new EvolveError('MODEL_INVALID', "GGUF needs the model's tokenizer.json, which is not there");
  if (tokenizer.model.type !== 'BPE') {
    throw new EvolveError(
      'MODEL_INVALID',
      `GGUF is written with a tokenizer of type BPE, not ${tokenizer.model.type}`,
    );
  }
  const settings = json('tokenizer_config.json') ?? {};
  const vocabulary = new Map(Object.entries(tokenizer.model.vocab));
  for (const { content, id } of tokenizer.added_tokens ?? []) vocabulary.set(content, id);
  const tokens = Array.from({ length: Number(config.vocab_size) }, (_, id) => `[PAD${id}]`);
  const types = new Array<number>(tokens.length).fill(TOKEN.unused);
  for (const [token, id] of vocabulary) {
    tokens[id] = token;
    types[id] = TOKEN.normal;
  }
  for (const { id, special } of tokenizer.added_tokens ?? [])
    types[id] = special ? TOKEN.control : TOKEN.userDefined;
  const unknown = tokenizer.model.unk_token;
  const unknownId = unknown === null || unknown === undefined ? undefined : vocabulary.get(unknown);
  if (unknownId !== undefined) types[unknownId] = TOKEN.unknown;

  const idOf = (name: string): number | undefined => {
    const token = settings[`${name}_token`] as string | { content: string } | null | undefined;
    const id = vocabulary.get(typeof token === 'string' ? token : (token?.content ?? ''));
    const [configured] = [config[`${name}_token_id`]].flat();
    return id ?? (typeof configured === 'number' && configured >= 0 ? configured : undefined);
  };
  const ids = { bos: idOf('bos'), eos: idOf('eos'), unknown: unknownId ?? idOf('unk'), padding: idOf('pad') };
  const bos = ids.bos === undefined ? undefined : tokens[ids.bos];
  const addsBos =
    settings.add_bos_token ?? JSON.stringify(tokenizer.post_processor ?? {}).includes(`"${bos}"`);
  const template = settings.chat_template ?? (chatTemplate && new TextDecoder().decode(chatTemplate));
  const isByteLevel = JSON.stringify(tokenizer.pre_tokenizer ?? {}).includes('"ByteLevel"');
  return [
    ...(isByteLevel ? byteLevel(tokenizer) : sentencePiece(tokenizer, vocabulary, tokens, types)),
    ['tokenizer.ggml.tokens', { strings: tokens }],
    ['tokenizer.ggml.token_type', { i32s: types }],
    ...Object.entries(ids).flatMap(([name, id]): [string, MetadataValue][] =>
      id === undefined ? [] : [[`tokenizer.ggml.${name}_token_id`, { u32: id }]],
    ),
    ['tokenizer.ggml.add_bos_token', { bool: Boolean(addsBos) }],
    ['tokenizer.ggml.add_eos_token', { bool: settings.add_eos_token === true }],
    ...(typeof template === 'string'
      ? [['tokenizer.chat_template', { string: template }] as [string, MetadataValue]]
      : []),
  ];
}

/**
 * SentencePiece merges the pair whose whole has the highest score: here the earlier a whole stands among the merges,
 * the higher. Bytes get their type and, like all else that no merge makes, the lowest score.
 */
function sentencePiece(
  { model, normalizer }: TokenizerJson,
  vocabulary: ReadonlyMap<string, number>,
  tokens: readonly string[],
  types: number[],
): [string, MetadataValue][] {
  const scores = new Array<number>(tokens.length).fill(-model.merges.length);
  for (const [rank, merge] of [...model.merges.entries()].reverse()) {
    const id = vocabulary.get(partsOf(merge).join(''));
    if (id !== undefined) scores[id] = -rank;
  }
  for (const [id, token] of tokens.entries()) {
    if (types[id] === TOKEN.normal && /^<0x[0-9A-F]{2}>$/.test(token)) types[id] = TOKEN.byte;
  }
  return [
    ['tokenizer.ggml.model', { string: 'llama' }],
    ['tokenizer.ggml.pre', { string: 'default' }],
    ['tokenizer.ggml.scores', { f32s: scores }],
    ['tokenizer.ggml.add_space_prefix', { bool: JSON.stringify(normalizer ?? {}).includes('"Prepend"') }],
  ];
}

function byteLevel({ model, pre_tokenizer }: TokenizerJson): [string, MetadataValue][] {
  return [
    ['tokenizer.ggml.model', { string: 'gpt2' }],
    ['tokenizer.ggml.pre', { string: splitOf(JSON.stringify(pre_tokenizer)) }],
    ['tokenizer.ggml.merges', { strings: model.merges.map((merge) => partsOf(merge).join(' ')) }],
  ];
}

/** llama.cpp's name of a pre-tokenizer. */
function splitOf(json: string): string {
  if (json.includes('"Digits"')) return 'smollm';
  if (json.includes('\\\\p{N}{1,3}')) return 'llama-bpe';
  if (json.includes('\\\\p{N}') && json.includes('(?i:')) return 'qwen2';
  if (!json.includes('"Split"')) return 'gpt-2';
  const message = 'GGUF has no name for the way in which tokenizer.json splits text (pre_tokenizer)';
  throw new EvolveError('MODEL_INVALID', message, 'Take --format safetensors.');
}

function partsOf(merge: string | readonly [string, string]): readonly string[] {
  return typeof merge === 'string' ? merge.split(' ') : merge;
}
