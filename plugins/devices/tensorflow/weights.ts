/** Frozen weights in TensorFlow's memory, as they are stored: taken there once, decoded where an operation uses them. */

import { DenseWeight, type FrozenWeight, releasePages, toFloat32 } from '../../../core/index.js';
import { NF4_BLOCK, storedInt8, storedNf4 } from '../kit/stored-weight.js';
import { BF16, F16, F32, type Handle, I8, I32, U8 } from './binding.js';
import type { Ops } from './ops.js';

const TYPES: Readonly<Record<string, number>> = { f32: F32, bf16: BF16, f16: F16 };
/** The arrays of a stored weight. */
interface Parts {
  /** `[rows, columns]`; of nf4 the codes, two a byte, `[rows · columns / 2]`. */
  readonly values: Handle;
  /** `[rows]`; of nf4 `[blocks, 1]`. */
  readonly scales?: Handle;
  /** What the two codes of a byte stand for, `[256, 2]`. */
  readonly pairs?: Handle;
}

/** A weight of which nothing is left with the core. */
export class TensorflowWeight implements FrozenWeight {
  readonly shape: FrozenWeight['shape'];
  readonly storage: string;
  readonly compute: FrozenWeight['compute'];
  readonly byteLength: number;
  #parts: Parts | undefined;

  constructor(
    private readonly ops: Ops,
    weight: FrozenWeight,
  ) {
    ({
      shape: this.shape,
      storage: this.storage,
      compute: this.compute,
      byteLength: this.byteLength,
    } = weight);
    this.#parts = place(ops, weight);
    if (ops.onGpu && weight instanceof DenseWeight) releasePages(weight.bytes);
  }

  get #there(): Parts {
    if (!this.#parts) throw new Error('the weight has been freed');
    return this.#parts;
  }

  /** What the columns of a product are multiplied by, `[rows]`, where `matrix` leaves that out. */
  get scales(): Handle | undefined {
    const { scales, pairs } = this.#there;
    return pairs ? undefined : scales;
  }

  /** `[rows, columns]` as numbers of a type, to be multiplied by `scales`. The running scope frees it. */
  matrix(type: number): Handle {
    const { values, scales, pairs } = this.#there;
    const { ops } = this;
    if (!pairs || !scales) return ops.cast(values, type);
    const blocks = ops.reshape(ops.gather(pairs, ops.cast(values, I32)), [scales.shape[0], NF4_BLOCK]);
    return ops.cast(ops.reshape(ops.mul(blocks, scales), this.shape), type);
  }

  /** Rows in fp32, of which `take` gets each array that has one entry a row. The running scope frees them. */
  rows(take: (array: Handle) => Handle): Handle {
    const { values, scales, pairs } = this.#there;
    const { ops } = this;
    if (pairs || !scales) return pairs ? take(this.matrix(F32)) : ops.cast(take(values), F32);
    return ops.mul(ops.cast(take(values), F32), take(ops.reshape(scales, [this.shape[0], 1])));
  }

  decode(start: number, end: number, target: Float32Array): void {
    const decoded = this.ops.kept(() => this.rows((array) => this.ops.rows(array, start, end - start)));
    target.set(this.ops.read(decoded));
    this.ops.free([decoded.id]);
  }

  free(): void {
    if (!this.#parts) return;
    this.ops.free(Object.values(this.#parts).map(({ id }: Handle) => id));
    this.#parts = undefined;
  }
}

/** The weights that kernels were asked for and that no model has placed: they are taken when they are first used. */
export class Weights {
  readonly #taken = new WeakMap<FrozenWeight, TensorflowWeight>();
  /** Frees a weight once nobody can ask for it any more. */
  readonly #collected = new FinalizationRegistry<TensorflowWeight>((weight) => weight.free());

  constructor(private readonly ops: Ops) {}

  of(weight: FrozenWeight): TensorflowWeight {
    if (weight instanceof TensorflowWeight) return weight;
    let taken = this.#taken.get(weight);
    if (!taken) {
      taken = new TensorflowWeight(this.ops, weight);
      this.#taken.set(weight, taken);
      this.#collected.register(weight, taken);
    }
    return taken;
  }

  /** In which type products are computed: a GPU's bf16 where the weight has no more digits, elsewhere fp32. */
  arithmetic({ compute, storage }: FrozenWeight): number {
    if (compute === 'fp32' || !this.ops.onGpu) return F32;
    return compute || storage === 'bf16' || storage === 'int8' || storage === 'nf4' ? BF16 : F32;
  }
}

/** A weight that is stored in a way of its own goes there in fp32. */
function place(ops: Ops, weight: FrozenWeight): Parts {
  const { shape, storage } = weight;
  const dense = (bytes: ArrayBufferView, type: number): Parts => ({
    values: upload(ops, bytes, shape, type),
  });
  if (weight instanceof DenseWeight) return dense(weight.bytes, TYPES[storage]);
  const int8 = storedInt8(weight);
  if (int8) {
    const scales = ops.kept(() => ops.array([shape[0]], F32, int8.scales));
    return { ...dense(int8.values, I8), scales };
  }
  const nf4 = storedNf4(weight);
  const blocks = (shape[0] * shape[1]) / NF4_BLOCK;
  if (!nf4 || !Number.isInteger(blocks)) return dense(toFloat32(weight), F32);
  const { codes, codeValues } = nf4;
  const pairs = Float32Array.from({ length: 512 }, (_, i) => {
    const byte = i >> 1;
    return codeValues[i % 2 === 0 ? byte >> 4 : byte & 15];
  });
  return {
    values: ops.kept(() => ops.array([codes.length], U8, codes)),
    scales: ops.kept(() => ops.array([blocks, 1], F32, nf4.blockScales())),
    pairs: ops.kept(() => ops.array([256, 2], F32, pairs)),
  };
}

/** Bytes as an array of the type: the binding takes no numbers of two bytes. */
function upload(ops: Ops, source: ArrayBufferView, shape: readonly number[], type: number): Handle {
  if (source instanceof Float32Array) return ops.kept(() => ops.array(shape, F32, source));
  const bytes = new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  const width = { [F32]: [4], [I8]: [] }[type] ?? [2];
  return ops.kept(() => ops.bitcast(ops.array([...shape, ...width], U8, bytes), type));
}
