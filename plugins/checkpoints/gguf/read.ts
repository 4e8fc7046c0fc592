import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { type Checkpoint, decodeFloats } from '../../../core/index.js';
import { type Architecture, Metadata } from '../kit/gguf/index.js';
import { invalid, TensorFile } from '../kit/tensor-file.js';
import { type Container, readContainer } from './container.js';
import { architectureOf, translate } from './read-model.js';
import { openTensor } from './tensor.js';
import { tokenizerFilesOf } from './tokenizer.js';

/** A part of a model that was split: PREFIX-00001-of-00003.gguf. */
const PART = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/;

/**
 * A .gguf file, or any part of a split one, or a folder with one such model; undefined for others.
 *
 * @throws EvolveError if the file is damaged, or its model is of none of these architectures
 */
export async function openGguf(
  location: string,
  architectures: readonly Architecture[],
): Promise<Checkpoint | undefined> {
  if (!statSync(location).isDirectory()) {
    return location.endsWith('.gguf') ? openParts(location, partsOf(location), architectures) : undefined;
  }
  const files = readdirSync(location).filter((file) => file.endsWith('.gguf'));
  if (files.length === 0) return undefined;
  const models = new Map(files.sort().map((file) => [PART.exec(file)?.[1] ?? file, file]));
  if (models.size > 1) {
    const message = `holds several models: ${[...models.values()].join(', ')}`;
    throw invalid(location, message, 'Let model.path name one of these files.');
  }
  return openParts(location, partsOf(path.join(location, files[0])), architectures);
}

/** All files of the model that `file` is, or is a part of. */
function partsOf(file: string): string[] {
  const base = path.basename(file);
  const [, prefix, , count = 0] = PART.exec(base) ?? [];
  const name = (i: number) => `${prefix}-${String(i + 1).padStart(5, '0')}-of-${count}.gguf`;
  const names = Array.from({ length: Number(count) }, (_, i) => name(i));
  // What is part 4 of 3, or 1 of 0, is called so and no more.
  return names.includes(base) ? names.map((part) => path.join(path.dirname(file), part)) : [file];
}

async function openParts(
  location: string,
  parts: readonly string[],
  architectures: readonly Architecture[],
): Promise<Checkpoint> {
  const missing = parts.filter((part) => !existsSync(part)).map((part) => path.basename(part));
  if (missing.length > 0)
    throw invalid(location, `is split in ${parts.length} files, of which are missing: ${missing.join(', ')}`);
  const files: TensorFile[] = [];
  const close = async () => {
    await Promise.all(files.map((file) => file.close()));
  };
  try {
    const containers: Container[] = [];
    for (const part of parts) {
      const file = await TensorFile.open(part);
      files.push(file);
      containers.push(await readContainer(file));
    }
    return { path: location, ...(await translated(join(containers), architectures)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The first part has the metadata, each has some of the tensors. @throws EvolveError if they do not belong together */
function join(parts: readonly Container[]): Container {
  const fail = (path: string, message: string) =>
    invalid(
      path,
      message,
      'All parts must be of one and the same model, under the names that they were given.',
    );
  // What was put together again says that it is in 0 parts.
  const split = parts.filter(({ metadata }) => metadata['split.count']);
  for (const { path, metadata } of split) {
    const { 'split.count': count, 'split.no': number } = metadata;
    const at = parts.findIndex((part) => part.path === path);
    if (count !== parts.length || number !== at)
      throw fail(
        path,
        `is part ${Number(number) + 1} of ${count}, but its name makes it ${at + 1} of ${parts.length}`,
      );
  }
  const tensors = new Map(parts[0].tensors);
  for (const part of parts.slice(1)) {
    for (const [name, tensor] of part.tensors) {
      if (tensors.has(name)) throw fail(part.path, `the tensor "${name}" stands in an earlier file too`);
      tensors.set(name, tensor);
    }
  }
  for (const { path, metadata } of split) {
    const total = metadata['split.tensors.count'];
    if (total !== tensors.size)
      throw fail(
        path,
        `is of a model of ${total} tensors, but its ${parts.length} files hold ${tensors.size}`,
      );
  }
  return { ...parts[0], tensors };
}

async function translated(
  container: Container,
  architectures: readonly Architecture[],
): Promise<Omit<Checkpoint, 'path' | 'close'>> {
  const { path } = container;
  const metadata = new Metadata(container);
  const architecture = architectureOf(metadata, architectures);
  const settings = await readSettings(container, architecture);
  const { config, tensors } = translate(container, metadata, architecture, settings);
  const json = new TextEncoder().encode(JSON.stringify(config, null, 2));
  const open = async (name: string) => {
    const tensor = tensors.get(name);
    if (!tensor) throw invalid(path, `there is no tensor "${name}"`, '');
    return openTensor(tensor);
  };
  return {
    tensors: new Map(
      [...tensors].map(([name, { stored }]) => [name, { type: stored.type.type, shape: stored.shape }]),
    ),
    files: new Map([['config.json', json], ...tokenizerFilesOf(metadata.values)]),
    read: async (name) => (await open(name))(),
    readLater: open,
  };
}

/** The numbers of those tensors that are settings. @throws EvolveError if one is no vector */
async function readSettings(
  { path, tensors }: Container,
  { settingTensors = [] }: Architecture,
): Promise<Map<string, Float32Array>> {
  const settings = new Map<string, Float32Array>();
  for (const name of settingTensors) {
    const stored = tensors.get(name);
    if (!stored) continue;
    if (stored.shape.length !== 1)
      throw invalid(path, `the tensor "${name}" is [${stored.shape}], but should be a vector`);
    const values = new Float32Array(stored.shape[0]);
    decodeFloats(stored.type.type, (await openTensor({ stored }))(), values);
    settings.set(name, values);
  }
  return settings;
}
