import { basename } from 'node:path';
import {
  type CheckpointWrite,
  DENSE_TYPES,
  type DenseType,
  EvolveError,
  type TensorToWrite,
} from '../../../core/index.js';
import { encodeTensor } from '../kit/encode.js';
import { PLAIN_TYPES } from '../kit/plain-type.js';
import { sizeOf } from '../kit/shape.js';
import { writeWhole } from '../kit/whole-file.js';
import { TYPES } from './header.js';

const nameOf = (type: DenseType) => [...TYPES].find(([, known]) => known === PLAIN_TYPES[type])?.[0];

type NamedTensor = readonly [name: string, tensor: TensorToWrite & { readonly type: DenseType }];

/**
 * Writes the tensors, by name in order, one after another. Above `maxShardBytes` they go to NAME-00001-of-0000N.safetensors
 * and on, with NAME.safetensors.index.json, as transformers names them. A file gets its name when it is whole.
 *
 * @throws EvolveError if the type is none of this format's
 */
export async function writeSafetensors(request: CheckpointWrite): Promise<void> {
  const { type = 'f32', maxShardBytes = Number.POSITIVE_INFINITY } = request;
  if (type === 'q8_0') {
    const message = `safetensors holds no ${type}`;
    throw new EvolveError(
      'COMMAND_LINE',
      message,
      `Take ${Object.keys(DENSE_TYPES).join(', ')}, or --format gguf.`,
    );
  }
  const tensors = [...request.tensors].map(
    ([name, tensor]): NamedTensor => [name, { ...tensor, type: tensor.type ?? type }],
  );
  const shards: NamedTensor[][] = [[]];
  let bytes = 0;
  for (const entry of tensors.sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (bytes > 0 && bytes + bytesOf(entry) > maxShardBytes) {
      shards.push([]);
      bytes = 0;
    }
    shards[shards.length - 1].push(entry);
    bytes += bytesOf(entry);
  }
  if (shards.length === 1) {
    await writeFileOf(shards[0], request.path, request);
    return;
  }
  const stem = request.path.slice(0, -'.safetensors'.length);
  const number = (i: number) => String(i).padStart(5, '0');
  const files = shards.map((_, i) => `${stem}-${number(i + 1)}-of-${number(shards.length)}.safetensors`);
  for (const [i, shard] of shards.entries()) await writeFileOf(shard, files[i], request);
  const index = {
    metadata: { total_size: shards.flat().reduce((total, entry) => total + bytesOf(entry), 0) },
    weight_map: Object.fromEntries(
      shards.flatMap((shard, i) => shard.map(([name]) => [name, basename(files[i])])),
    ),
  };
  await writeWhole(`${stem}.safetensors.index.json`, (file) =>
    file.writeFile(JSON.stringify(index, null, 2)),
  );
}

async function writeFileOf(
  tensors: readonly NamedTensor[],
  path: string,
  { metadata }: CheckpointWrite,
): Promise<void> {
  const header: Record<string, unknown> = metadata ? { __metadata__: metadata } : {};
  let offset = 0;
  for (const entry of tensors) {
    const [name, { shape, type }] = entry;
    const end = offset + bytesOf(entry);
    header[name] = { dtype: nameOf(type), shape, data_offsets: [offset, end] };
    offset = end;
  }
  // Spaces at the end let the data begin at a multiple of eight.
  const text = Buffer.from(JSON.stringify(header));
  const padded = Buffer.alloc(Math.ceil(text.length / 8) * 8, ' ');
  text.copy(padded);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));

  await writeWhole(path, async (file) => {
    await file.writeFile(length);
    await file.writeFile(padded);
    for (const [name, { type, shape, values }] of tensors) {
      let written = 0;
      for (const piece of values instanceof Float32Array ? [values] : values()) {
        await file.writeFile(encodeTensor(name, type, piece));
        written += piece.length;
      }
      if (written !== sizeOf(shape)) throw new Error(`${name} [${shape}] was given ${written} numbers`);
    }
  });
}

function bytesOf([, { shape, type }]: NamedTensor): number {
  return sizeOf(shape) * DENSE_TYPES[type];
}
