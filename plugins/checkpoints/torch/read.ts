import type { Checkpoint } from '../../../core/index.js';
import { openLayout } from '../kit/layout.js';
import { asRead, PLAIN_TYPES } from '../kit/plain-type.js';
import { invalid, TensorFile } from '../kit/tensor-file.js';
import { tensorInfo } from '../kit/tensor-info.js';
import { inOrder } from './strides.js';
import { type TorchTensor, unpickleTensors } from './tensors.js';
import { readZip, type ZipEntry } from './zip.js';

const LAYOUT = {
  endings: ['.bin', '.pt', '.pth'],
  single: 'pytorch_model.bin',
  index: 'pytorch_model.bin.index.json',
};

/** PyTorch's names of the types that weights may have. */
const TYPES = new Map([
  ['float32', PLAIN_TYPES.f32],
  ['float16', PLAIN_TYPES.f16],
  ['bfloat16', PLAIN_TYPES.bf16],
  ['float64', PLAIN_TYPES.f64],
]);

/** A pickle names tensors and where they lie, a few hundred bytes each. */
const MAX_PICKLE_BYTES = 2 ** 28;

/** How a file begins that torch.save wrote before it wrote zip archives: a pickled number known for it. */
const LEGACY = Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex');
const SAVE_AGAIN =
  'Load it with PyTorch where you trust it, and save it again: as safetensors, or with torch.save.';

/** A file that torch.save wrote, or a folder with pytorch_model.bin or the index of a sharded one; undefined for others. */
export async function openTorch(location: string): Promise<Checkpoint | undefined> {
  return openLayout(location, LAYOUT, openFile);
}

async function openFile(path: string): Promise<Checkpoint> {
  const file = await TensorFile.open(path);
  try {
    const archive = await Archive.read(file);
    const tensors = archive.tensors;
    const infoOf = (name: string, { type, shape }: TorchTensor) =>
      tensorInfo(path, name, type.name, shape, TYPES);
    return {
      path,
      tensors: new Map([...tensors].map(([name, tensor]) => [name, infoOf(name, tensor)])),
      read: async (name) => {
        const tensor = tensors.get(name);
        if (!tensor) throw invalid(path, `there is no tensor "${name}"`, '');
        const { stored } = infoOf(name, tensor);
        return asRead(path, name, stored, await archive.bytesOf(tensor));
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The zip archive that torch.save writes: NAME/data.pkl, and each storage as NAME/data/KEY, stored as it is. */
class Archive {
  private constructor(
    private readonly file: TensorFile,
    private readonly entries: ReadonlyMap<string, ZipEntry>,
    /** NAME */
    private readonly root: string,
    readonly tensors: ReadonlyMap<string, TorchTensor>,
  ) {}

  static async read(file: TensorFile): Promise<Archive> {
    const head = await file.read(0, Math.min(file.size, LEGACY.length));
    if (head.equals(LEGACY))
      throw invalid(file.path, 'is of the form that PyTorch wrote before version 1.6', SAVE_AGAIN);
    if (head.toString('latin1', 0, 2) !== 'PK') throw invalid(file.path, 'is no file that torch.save wrote');
    const entries = await readZip(file.path);
    const pickles = [...entries.keys()].filter((name) => /^[^/]*\/data\.pkl$/.test(name));
    if (pickles.length !== 1)
      throw invalid(
        file.path,
        'is a zip archive, but none that torch.save wrote: there is no data.pkl',
        SAVE_AGAIN,
      );
    const root = pickles[0].slice(0, -'/data.pkl'.length);
    const read = async (name: string) => {
      const entry = storedEntry(file, entries, name);
      if (entry.size > MAX_PICKLE_BYTES)
        throw invalid(file.path, `its entry "${name}" has ${entry.size} bytes, more than can be meant`);
      return file.read(entry.start, entry.size);
    };
    const order = `${root}/byteorder`;
    if (entries.has(order) && (await read(order)).toString('latin1') !== 'little')
      throw invalid(file.path, 'was written on a big-endian machine', SAVE_AGAIN);
    const pickle = await read(pickles[0]);
    let tensors: Map<string, TorchTensor>;
    try {
      tensors = unpickleTensors(pickle);
    } catch (error) {
      throw invalid(file.path, (error as Error).message, SAVE_AGAIN);
    }
    const archive = new Archive(file, entries, root, tensors);
    for (const [name, tensor] of tensors) archive.#check(name, tensor);
    return archive;
  }

  /** The numbers in order; those of a view that has another order are copied. */
  async bytesOf(tensor: TorchTensor): Promise<Uint8Array> {
    const size = tensor.type.bytes;
    const entry = this.#storage(tensor);
    const bytes = await this.file.map(entry.start + tensor.offset * size, tensor.span * size);
    return tensor.isContiguous ? bytes : inOrder(bytes, size, tensor.shape, tensor.strides);
  }

  #storage(tensor: TorchTensor): ZipEntry {
    return storedEntry(this.file, this.entries, `${this.root}/data/${tensor.storage.key}`);
  }

  #check(name: string, tensor: TorchTensor): void {
    const { storage, type } = tensor;
    const { size } = this.#storage(tensor);
    if (size !== storage.bytes) {
      const message = `the storage of the tensor "${name}" has ${size} bytes, but the pickle says ${storage.bytes}`;
      throw invalid(this.file.path, message);
    }
    if ((tensor.offset + tensor.span) * type.bytes > size) {
      const message = `the tensor "${name}" of shape [${tensor.shape}] reaches beyond its storage of ${size} bytes`;
      throw invalid(this.file.path, message);
    }
  }
}

/** An entry whose bytes stand in the file as they are. */
function storedEntry(file: TensorFile, entries: ReadonlyMap<string, ZipEntry>, name: string): ZipEntry {
  const entry = entries.get(name);
  if (!entry) throw invalid(file.path, `the archive has no entry "${name}"`);
  if (entry.method !== 0) {
    const message = `the archive's entry "${name}" is compressed, which torch.save does not do`;
    throw invalid(file.path, message, 'Pack it again without compression (zip -0).');
  }
  return entry;
}
