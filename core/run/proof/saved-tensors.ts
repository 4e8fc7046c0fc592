/** What a run saved, read again from disk. */

import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../../base/errors.js';
import { type DenseType, decodeFloats, encodeFloats } from '../../base/floats.js';
import { displayPath } from '../../base/paths.js';
import { tf } from '../../base/tf.js';
import type { LanguageModel } from '../../contracts/backbone.js';
import type { Checkpoint } from '../../contracts/checkpoint.js';
import type { Hooks } from '../../plugins/hooks.js';

/** A trained tensor as the disk has it. */
export interface SavedTensor {
  readonly name: string;
  readonly type: DenseType;
  /** In fp32, as the variable has them. */
  readonly values: Float32Array;
}

/**
 * The saved tensors of what is trained, one at a time, in the order of the variables. Whatever format wrote them reads them.
 *
 * @param fault is told of a variable that the folder lacks, or has in another shape
 */
export async function* savedTensors(
  folder: string,
  { trainable, linears }: LanguageModel,
  hooks: Hooks,
  fault: (message: string) => void,
): AsyncGenerator<SavedTensor> {
  let files: Checkpoint[];
  try {
    files = await openAll(folder, hooks);
  } catch (error) {
    fault(`the folder ${displayPath(folder)} cannot be read: ${messageOf(error)}`);
    return;
  }
  const turned = new Set(
    linears.filter(({ layout }) => layout === 'in-out').map(({ name }) => `${name}.weight`),
  );
  try {
    for (const [name, { shape, size }] of trainable) {
      const file = files.find(({ tensors }) => tensors.has(name));
      const info = file?.tensors.get(name);
      if (!file || !info) {
        fault(`the saved files lack ${name}`);
        continue;
      }
      const isTurned = turned.has(name);
      const expected = isTurned ? [...shape].reverse() : shape;
      if (info.shape.join() !== expected.join()) {
        fault(`${name} is saved as [${info.shape}], expected [${expected}]`);
        continue;
      }
      const stored = new Float32Array(size);
      decodeFloats(info.type, await file.read(name), stored);
      yield { name, type: info.type, values: isTurned ? transposed(stored, shape) : stored };
    }
  } finally {
    await Promise.all(files.map((file) => file.close()));
  }
}

/** The files of a folder that hold tensors. */
async function openAll(folder: string, hooks: Hooks): Promise<Checkpoint[]> {
  const files: Checkpoint[] = [];
  for (const name of (await readdir(folder)).sort()) {
    // A file beside the tensors, such as a tokenizer, may look like one that is damaged.
    const file = await hooks.openCheckpoint.promise(path.join(folder, name)).catch(() => undefined);
    if (file) files.push(file);
  }
  return files;
}

/** @param shape `[out, in]`, of values that stand as `[in, out]` */
function transposed(values: Float32Array, [out, columns]: readonly number[]): Float32Array {
  const turned = new Float32Array(values.length);
  for (let i = 0; i < out; i++)
    for (let j = 0; j < columns; j++) turned[i * columns + j] = values[j * out + i];
  return turned;
}

/** Values as they come out of a file of this type. */
export function rounded(values: Float32Array, type: DenseType): Float32Array {
  if (type === 'f32') return values;
  const out = new Float32Array(values.length);
  decodeFloats(type, encodeFloats(type, values), out);
  return out;
}

/** Sets a variable. */
export function assign(variable: tf.Variable, values: Float32Array): void {
  const tensor = tf.tensor(values, variable.shape);
  variable.assign(tensor);
  tensor.dispose();
}
