import { existsSync, statSync } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Checkpoint, EvolveError, mapFile, z } from '../../../core/index.js';
import { readHeader, type StoredTensor } from './header.js';

const INDEX = 'model.safetensors.index.json';

const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

/** A .safetensors file, or a folder with model.safetensors or the index of a sharded one; undefined for others. */
export async function openSafetensors(location: string): Promise<Checkpoint | undefined> {
  if (!statSync(location).isDirectory()) {
    return location.endsWith('.safetensors') ? openFiles(location, [location]) : undefined;
  }
  const index = path.join(location, INDEX);
  if (existsSync(index)) return openSharded(location, index);
  const single = path.join(location, 'model.safetensors');
  return existsSync(single) ? openFiles(location, [single]) : undefined;
}

async function openSharded(folder: string, index: string): Promise<Checkpoint> {
  const fail = (message: string): never => {
    throw new EvolveError(
      'CHECKPOINT_INVALID',
      `${index}: ${message}`,
      'Download or copy the missing or damaged file again.',
    );
  };
  let json: unknown;
  try {
    json = JSON.parse(await readFile(index, 'utf8'));
  } catch (error) {
    fail(`is no JSON: ${(error as Error).message}`);
  }
  const { data } = indexSchema.safeParse(json);
  if (!data) return fail('has no "weight_map" from tensor names to files');
  const files = [...new Set(Object.values(data.weight_map))].sort();
  // '.' and '..' are base names too, and folders.
  const outside = files.filter((file) => path.basename(file) !== file || !file.endsWith('.safetensors'));
  if (outside.length > 0) fail(`names what is no .safetensors file of its folder: "${outside.join('", "')}"`);
  const missing = files.filter((file) => !existsSync(path.join(folder, file)));
  if (missing.length > 0) fail(`names files that are not there: ${missing.join(', ')}`);

  const checkpoint = await openFiles(
    folder,
    files.map((file) => path.join(folder, file)),
  );
  const absent = Object.keys(data.weight_map).filter((name) => !checkpoint.tensors.has(name));
  if (absent.length > 0) {
    await checkpoint.close();
    fail(`names ${absent.length} tensors that no file holds, such as ${absent[0]}`);
  }
  return checkpoint;
}

async function openFiles(location: string, paths: readonly string[]): Promise<Checkpoint> {
  const handles: FileHandle[] = [];
  const tensors = new Map<string, StoredTensor & { file: FileHandle; location: string }>();
  const close = async () => {
    await Promise.all(handles.map((handle) => handle.close()));
  };
  try {
    for (const file of paths) {
      const handle = await open(file);
      handles.push(handle);
      for (const [name, tensor] of await readHeader(handle, file)) {
        if (tensors.has(name)) {
          throw new EvolveError(
            'CHECKPOINT_INVALID',
            `${file}: the tensor "${name}" stands in an earlier file too`,
          );
        }
        tensors.set(name, { ...tensor, file: handle, location: file });
      }
    }
  } catch (error) {
    await close();
    throw error;
  }
  const read = async (name: string): Promise<Uint8Array> => {
    const tensor = tensors.get(name);
    if (!tensor) throw new EvolveError('CHECKPOINT_INVALID', `${location}: there is no tensor "${name}"`);
    const mapped = mapFile(tensor.location, tensor.start, tensor.end - tensor.start);
    if (mapped) return mapped;
    const bytes = new Uint8Array(tensor.end - tensor.start);
    // One read returns at most 2 GiB.
    for (let at = 0; at < bytes.length; ) {
      const { bytesRead } = await tensor.file.read(
        bytes,
        at,
        Math.min(bytes.length - at, 2 ** 30),
        tensor.start + at,
      );
      if (bytesRead === 0) {
        throw new EvolveError(
          'CHECKPOINT_INVALID',
          `${location}: the file ended within the tensor "${name}"`,
        );
      }
      at += bytesRead;
    }
    return bytes;
  };
  return { path: location, tensors, read, close };
}
