import type { Checkpoint } from '../../../core/index.js';
import { openLayout } from '../kit/layout.js';
import { asRead } from '../kit/plain-type.js';
import { invalid, TensorFile } from '../kit/tensor-file.js';
import { readHeader } from './header.js';

const LAYOUT = {
  endings: ['.safetensors'],
  single: 'model.safetensors',
  index: 'model.safetensors.index.json',
};

/** A .safetensors file, or a folder with model.safetensors or the index of a sharded one; undefined for others. */
export async function openSafetensors(location: string): Promise<Checkpoint | undefined> {
  return openLayout(location, LAYOUT, openFile);
}

async function openFile(path: string): Promise<Checkpoint> {
  const file = await TensorFile.open(path);
  try {
    const tensors = await readHeader(file);
    return {
      path,
      tensors: new Map([...tensors].map(([name, { info }]) => [name, info])),
      read: async (name) => {
        const tensor = tensors.get(name);
        if (!tensor) throw invalid(path, `there is no tensor "${name}"`, '');
        const { info, start, end } = tensor;
        return asRead(path, name, info.stored, await file.map(start, end - start));
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}
