/** A GGUF file by hand, whatever it says. */

import { readFileSync } from 'node:fs';
import { openCheckpoint } from './checkpoints.js';
import { compose } from './compose.js';
import { fixture, type TemporaryFolder } from './files.js';

/** A tensor: extents from the innermost, ggml's number of its type, and where in the data it begins: behind the others. */
export interface GgufTensor {
  readonly extents: readonly number[];
  readonly type: number;
  readonly offset?: number;
}

export type GgufMetadata = Readonly<Record<string, number | boolean | string | readonly string[]>>;

/** What a model of one layer and width 8 says of itself. */
export const METADATA: GgufMetadata = {
  'general.architecture': 'llama',
  'llama.embedding_length': 8,
  'llama.feed_forward_length': 16,
  'llama.block_count': 1,
  'llama.context_length': 32,
  'llama.attention.head_count': 2,
  'llama.attention.layer_norm_rms_epsilon': 1e-5,
};
export const EMBEDDING: GgufTensor = { extents: [8, 4], type: 0 };
export const DATA = new Uint8Array(1024);

const UINT32 = 4;
const FLOAT32 = 6;
const BOOL = 7;
const STRING = 8;
const ARRAY = 9;
const ALIGNMENT = 32;

/** Numbers become u32 where they are whole, else f32. */
export function ggufOf(
  metadata: GgufMetadata,
  tensors: Readonly<Record<string, GgufTensor>> = {},
  data: Uint8Array = new Uint8Array(),
  version = 3,
): Buffer {
  let end = 0;
  const placed = Object.entries(tensors).map(([name, tensor]) => {
    const { extents, offset = end } = tensor;
    // Of fp32, the type of all that are not to be refused.
    end =
      offset + ALIGNMENT * Math.ceil((4 * extents.reduce((size, extent) => size * extent, 1)) / ALIGNMENT);
    return { name, ...tensor, offset };
  });
  const head = Buffer.concat([
    Buffer.from('GGUF'),
    u32(version),
    u64(Object.keys(tensors).length),
    u64(Object.keys(metadata).length),
    ...Object.entries(metadata).flatMap(([key, value]) => [string(key), ...typed(value)]),
    ...placed.flatMap(({ name, extents, type, offset }) => [
      string(name),
      u32(extents.length),
      ...extents.map(u64),
      u32(type),
      u64(offset),
    ]),
  ]);
  const padding = Buffer.alloc((ALIGNMENT - (head.length % ALIGNMENT)) % ALIGNMENT);
  return Buffer.concat([head, padding, data]);
}

function typed(value: GgufMetadata[string]): Buffer[] {
  if (typeof value === 'boolean') return [u32(BOOL), Buffer.from([Number(value)])];
  if (typeof value === 'string') return [u32(STRING), string(value)];
  if (typeof value !== 'number') return [u32(ARRAY), u32(STRING), u64(value.length), ...value.map(string)];
  if (Number.isInteger(value)) return [u32(UINT32), u32(value)];
  return [u32(FLOAT32), Buffer.from(Float32Array.of(value).buffer)];
}

function string(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([u64(bytes.length), bytes]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/** What the config.json within such a file says. */
export async function configOf(location: string): Promise<Record<string, unknown>> {
  const checkpoint = await openCheckpoint(location);
  await checkpoint.close();
  return JSON.parse(new TextDecoder().decode(checkpoint.files?.get('config.json')));
}

/** The same of a file of METADATA and EMBEDDING, with further or other metadata and tensors, written into the folder. */
export function configWith(
  folder: TemporaryFolder,
  metadata: GgufMetadata,
  tensors: Readonly<Record<string, GgufTensor>> = {},
  data: Uint8Array = DATA,
): Promise<Record<string, unknown>> {
  const all = { 'token_embd.weight': EMBEDDING, ...tensors };
  return configOf(folder.write('x.gguf', ggufOf({ ...METADATA, ...metadata }, all, data)));
}

/** What a config.json says once it was written to GGUF, with an embedding `[4, 32]`, and read again. */
export async function configRewritten(
  folder: TemporaryFolder,
  config: object,
  tokenizer: ReadonlyMap<string, Uint8Array> = new Map([
    ['tokenizer.json', readFileSync(fixture('llama', 'tokenizer.json'))],
  ]),
): Promise<Record<string, unknown>> {
  const path = folder.join('x.gguf');
  const { hooks } = await compose();
  const values = new Float32Array(32 * 4);
  const tensors = new Map([['model.embed_tokens.weight', { shape: [4, 32], values }]]);
  const json = Buffer.from(JSON.stringify(config));
  await hooks.writeCheckpoint.promise({
    path,
    tensors,
    files: new Map([...tokenizer, ['config.json', json]]),
  });
  return configOf(path);
}
