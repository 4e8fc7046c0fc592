import path from 'node:path';
import { type Checkpoint, type DenseType, decodeFloats, type TensorToWrite } from '../../core/index.js';
import { compose } from './compose.js';

/** The checkpoint at a path, opened by whichever plugin knows it. */
export async function openCheckpoint(location: string): Promise<Checkpoint> {
  const { hooks } = await compose();
  const checkpoint = await hooks.openCheckpoint.promise(location);
  if (!checkpoint) throw new Error(`no plugin opens ${location}`);
  return checkpoint;
}

export interface ReadTensor {
  readonly type: DenseType;
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

/** The numbers of tensors by name, of all or of those that are named; all files closed again. */
export async function readTensors(
  location: string,
  names?: readonly string[],
): Promise<Record<string, ReadTensor>> {
  return readAndClose(await openCheckpoint(location), names);
}

/** The same of a checkpoint that is open. */
export async function readAndClose(
  checkpoint: Checkpoint,
  names: Iterable<string> = checkpoint.tensors.keys(),
): Promise<Record<string, ReadTensor>> {
  try {
    const tensors: [string, ReadTensor][] = [];
    for (const name of names) {
      const { type, shape } = checkpoint.tensors.get(name)!;
      const values = new Float32Array(shape.reduce((product, extent) => product * extent, 1));
      decodeFloats(type, await checkpoint.read(name), values);
      tensors.push([name, { type, shape: [...shape], values: [...values] }]);
    }
    return Object.fromEntries(tensors);
  } finally {
    await checkpoint.close();
  }
}

/** Writes the tensors of a folder's model.safetensors anew, once `change` has changed, added or removed some. */
export async function changeTensors(
  folder: string,
  change: (tensors: Map<string, TensorToWrite>) => void,
): Promise<void> {
  const file = path.join(folder, 'model.safetensors');
  const tensors = new Map<string, TensorToWrite>();
  for (const [name, { type, shape, values }] of Object.entries(await readTensors(file))) {
    tensors.set(name, { type, shape, values: Float32Array.from(values) });
  }
  change(tensors);
  const { hooks } = await compose();
  await hooks.writeCheckpoint.promise({ path: file, tensors });
}
