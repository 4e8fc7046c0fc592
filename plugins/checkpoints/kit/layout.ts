/** Where a checkpoint's tensors lie: in one file, or in several, as transformers lays them out. */

import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Checkpoint, z } from '../../../core/index.js';
import { invalid } from './tensor-file.js';

/** What the files of a format are called. */
export interface Layout {
  /** How they end. */
  readonly endings: readonly string[];
  /** The one file of a folder that has but one. */
  readonly single: string;
  /** The index of a folder that has several: which tensor is in which. */
  readonly index: string;
}

const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

/** A file, or a folder with the single file or the index and its shards; undefined where it is of another format. */
export async function openLayout(
  location: string,
  layout: Layout,
  open: (file: string) => Promise<Checkpoint>,
): Promise<Checkpoint | undefined> {
  if (!statSync(location).isDirectory()) {
    return layout.endings.some((ending) => location.endsWith(ending)) ? open(location) : undefined;
  }
  // Of both transformers too takes the single file: an index may be left from before it.
  const single = path.join(location, layout.single);
  if (existsSync(single)) return open(single);
  const index = path.join(location, layout.index);
  return existsSync(index) ? openIndexed(location, index, layout, open) : undefined;
}

async function openIndexed(
  folder: string,
  index: string,
  { endings }: Layout,
  open: (file: string) => Promise<Checkpoint>,
): Promise<Checkpoint> {
  const fail = (message: string): never => {
    throw invalid(index, message, 'Download or copy the missing or damaged file again.');
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
  const outside = files.filter(
    (file) => path.basename(file) !== file || !endings.some((ending) => file.endsWith(ending)),
  );
  if (outside.length > 0)
    fail(`names what is no ${endings.join(' or ')} file of its folder: "${outside.join('", "')}"`);
  const missing = files.filter((file) => !existsSync(path.join(folder, file)));
  if (missing.length > 0) fail(`names files that are not there: ${missing.join(', ')}`);

  const paths = files.map((file) => path.join(folder, file));
  const checkpoint = await openTogether(folder, paths, open);
  const absent = Object.keys(data.weight_map).filter((name) => !checkpoint.tensors.has(name));
  if (absent.length > 0) {
    await checkpoint.close();
    fail(`names ${absent.length} tensors that no file holds, such as ${absent[0]}`);
  }
  return checkpoint;
}

/** Several files as one checkpoint. @throws EvolveError if a tensor stands in two of them */
async function openTogether(
  location: string,
  files: readonly string[],
  open: (file: string) => Promise<Checkpoint>,
): Promise<Checkpoint> {
  const parts: Checkpoint[] = [];
  const owners = new Map<string, Checkpoint>();
  const close = async () => {
    await Promise.all(parts.map((part) => part.close()));
  };
  try {
    for (const file of files) {
      const part = await open(file);
      parts.push(part);
      for (const name of part.tensors.keys()) {
        if (owners.has(name)) throw invalid(file, `the tensor "${name}" stands in an earlier file too`, '');
        owners.set(name, part);
      }
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    path: location,
    tensors: new Map(parts.flatMap((part) => [...part.tensors])),
    read: (name) => {
      const owner = owners.get(name);
      if (!owner) throw invalid(location, `there is no tensor "${name}"`, '');
      return owner.read(name);
    },
    close,
  };
}
