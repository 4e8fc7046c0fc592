/** What of a PyTorch pickle is understood: tensors, their storages, and the plain containers that they lie in. */

import type { Named, PickledDict, PickleNames } from './pickle.js';
import { unpickle } from './pickle.js';

/** Of a number: its name in PyTorch and its bytes. */
interface NumberType {
  readonly name: string;
  readonly bytes: number;
}

/** PyTorch's classes of storages, and what they are of; an untyped one is of bytes. */
const STORAGES: Readonly<Record<string, NumberType>> = {
  FloatStorage: { name: 'float32', bytes: 4 },
  HalfStorage: { name: 'float16', bytes: 2 },
  BFloat16Storage: { name: 'bfloat16', bytes: 2 },
  DoubleStorage: { name: 'float64', bytes: 8 },
  LongStorage: { name: 'int64', bytes: 8 },
  IntStorage: { name: 'int32', bytes: 4 },
  ShortStorage: { name: 'int16', bytes: 2 },
  CharStorage: { name: 'int8', bytes: 1 },
  ByteStorage: { name: 'uint8', bytes: 1 },
  BoolStorage: { name: 'bool', bytes: 1 },
  ComplexFloatStorage: { name: 'complex64', bytes: 8 },
  ComplexDoubleStorage: { name: 'complex128', bytes: 16 },
  UntypedStorage: { name: 'uint8', bytes: 1 },
};

/** As in PyTorch: more cannot be meant. */
const MAX_AXES = 64;

/** Types that came after the classes of storages: their tensors name them, beside an untyped storage. */
const NEWER_TYPES: Readonly<Record<string, number>> = {
  uint16: 2,
  uint32: 4,
  uint64: 8,
  float8_e4m3fn: 1,
  float8_e4m3fnuz: 1,
  float8_e5m2: 1,
  float8_e5m2fnuz: 1,
  float8_e8m0fnu: 1,
};

/** A named run of bytes in the file. */
class Storage {
  constructor(
    readonly key: string,
    readonly type: NumberType,
    readonly bytes: number,
  ) {}
}

/** A view of a storage, as PyTorch pickles a tensor. */
export class TorchTensor {
  constructor(
    readonly type: NumberType,
    readonly storage: Storage,
    /** In numbers, as the strides are. */
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}

  /** From the first number to behind the last, those between that belong to others included. */
  get span(): number {
    if (this.shape.includes(0)) return 0;
    return this.shape.reduce((last, extent, i) => last + (extent - 1) * this.strides[i], 1);
  }

  /** Whether its numbers lie in order, one after another. */
  get isContiguous(): boolean {
    let expected = 1;
    for (let i = this.shape.length - 1; i >= 0; i--) {
      if (this.shape[i] !== 1 && this.strides[i] !== expected) return false;
      expected *= this.shape[i];
    }
    return true;
  }
}

/**
 * The tensors of the dict that a pickle holds, by name, or of the one dict of tensors within that. What else is in it,
 * such as the step at which it was saved, is left out.
 *
 * @throws Error that says what is wrong with the pickle
 */
export function unpickleTensors(bytes: Buffer): Map<string, TorchTensor> {
  const root = unpickle(bytes, new TorchNames(bytes.length));
  const own = tensorsIn(root);
  if (own.size > 0 || !(root instanceof Map)) return own;
  // One and the same dict may stand in it any number of times.
  const within = [...new Set(root.values())].map(tensorsIn).filter((tensors) => tensors.size > 0);
  if (within.length === 1) return within[0];
  throw new Error(`the pickle holds ${within.length} dicts of tensors, but one is expected`);
}

function tensorsIn(value: unknown): Map<string, TorchTensor> {
  const entries = value instanceof Map ? [...value] : [];
  return new Map(
    entries.filter((entry): entry is [string, TorchTensor] => {
      const [name, item] = entry;
      return typeof name === 'string' && item instanceof TorchTensor;
    }),
  );
}

/** What a pickle of PyTorch may name. */
class TorchNames implements PickleNames {
  #pairs = 0;

  /** @param maxPairs that dicts may be made of in all: a list that is repeated in the pickle is copied each time */
  constructor(private readonly maxPairs: number) {}

  find(module: string, name: string): Named {
    const whole = `${module}.${name}`;
    if (whole === 'collections.OrderedDict') return { name: whole, call: (args) => this.#orderedDict(args) };
    const known = KNOWN[whole] ?? typeNamed(whole);
    if (known) return known;
    throw new Error(
      `the pickle names ${whole}, which is neither a tensor nor a plain container; nothing of it was executed`,
    );
  }

  persistent(id: unknown): Storage {
    const [kind, type, key, , count] = Array.isArray(id) ? id : [];
    const numbers = type instanceof NamedType ? type.type : undefined;
    if (kind !== 'storage' || !numbers || typeof key !== 'string' || !isCount(count))
      throw new Error('the pickle refers to something that is no storage');
    return new Storage(key, numbers, count * numbers.bytes);
  }

  /** (pairs, or nothing) */
  #orderedDict([pairs = []]: readonly unknown[]): PickledDict {
    if (!Array.isArray(pairs))
      throw new Error('the pickle makes an OrderedDict of something other than pairs');
    this.#pairs += pairs.length;
    if (this.#pairs > this.maxPairs)
      throw new Error('the pickle makes dicts of more pairs than it has bytes');
    if (!pairs.every((pair) => Array.isArray(pair) && pair.length === 2))
      throw new Error('the pickle makes an OrderedDict of something other than pairs');
    return new Map(pairs as [unknown, unknown][]);
  }
}

/** A class of storages, or a dtype. */
class NamedType implements Named {
  constructor(
    readonly name: string,
    readonly type: NumberType,
  ) {}
}

function typeNamed(whole: string): NamedType | undefined {
  const [, name] = /^torch\.(?:cuda\.|storage\.)?(\w+)$/.exec(whole) ?? [];
  if (name === undefined) return undefined;
  const type = Object.hasOwn(STORAGES, name) ? STORAGES[name] : dtypeNamed(name);
  return type && new NamedType(whole, type);
}

function dtypeNamed(name: string): NumberType | undefined {
  if (Object.hasOwn(NEWER_TYPES, name)) return { name, bytes: NEWER_TYPES[name] };
  return Object.values(STORAGES).find((type) => type.name === name);
}

const KNOWN: Readonly<Record<string, Named>> = Object.fromEntries(
  [
    { name: 'torch._utils._rebuild_tensor', call: rebuildTensor },
    { name: 'torch._utils._rebuild_tensor_v2', call: rebuildTensor },
    { name: 'torch._utils._rebuild_tensor_v3', call: rebuildTensorOfType },
    { name: 'torch._utils._rebuild_parameter', call: ([tensor]: readonly unknown[]) => tensor },
    { name: 'torch.Size', call: ([extents]: readonly unknown[]) => extents },
  ].map((named) => [named.name, named]),
);

/** (storage, offset, shape, strides, …) */
function rebuildTensor(args: readonly unknown[]): TorchTensor {
  const [storage] = args;
  return tensorOf(args, storage instanceof Storage ? storage.type : undefined);
}

/** (untyped storage, offset, shape, strides, requires_grad, hooks, dtype, …) */
function rebuildTensorOfType(args: readonly unknown[]): TorchTensor {
  const type = args[6];
  return tensorOf(args, type instanceof NamedType ? type.type : undefined);
}

function tensorOf(
  [storage, offset, shape, strides]: readonly unknown[],
  type: NumberType | undefined,
): TorchTensor {
  const isWhole =
    storage instanceof Storage && type && isCount(offset) && isCounts(shape) && isCounts(strides);
  if (!isWhole || shape.length !== strides.length)
    throw new Error('the pickle makes a tensor of something else');
  return new TorchTensor(type, storage, offset, shape, strides);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isCounts(values: unknown): values is number[] {
  return Array.isArray(values) && values.length <= MAX_AXES && values.every(isCount);
}
