/**
 * TensorFlow's operations on its own arrays. Between the kernels' inputs and outputs nothing is a TensorFlow.js tensor: that
 * has no bf16, and takes longer to make.
 *
 *     const y = ops.scope(() => ops.mul(a, ops.sigmoid(b)));    // of what is made within, only y is left
 */

import type { tf } from '../../../core/index.js';
import { type Attribute, F32, type Handle, I32, type NodeBackend } from './binding.js';

type Handles = Handle | readonly Handle[];

export class Ops {
  readonly onGpu: boolean;
  /** What the running scope has made. */
  #made: Set<number> | undefined;
  /** Axes, shapes and numbers that come again in each layer. */
  readonly #constants = new Map<string, Handle>();

  constructor(private readonly backend: NodeBackend) {
    this.onGpu = backend.isUsingGpuDevice;
  }

  /** What `f` returns; all else that it makes is freed. */
  scope<T extends Handles>(f: () => T): T {
    const outer = this.#made;
    const made = new Set<number>();
    this.#made = made;
    try {
      const result = f();
      for (const { id } of ([] as Handle[]).concat(result)) if (made.delete(id)) outer?.add(id);
      return result;
    } finally {
      this.free(made);
      this.#made = outer;
    }
  }

  /** What `f` returns as a tensor. */
  tensor(f: () => Handle): tf.Tensor {
    return this.backend.createOutputTensor(this.#outside(f));
  }

  /** The same for several. */
  tensors(f: () => Handle[]): tf.Tensor[] {
    return this.#outside(f).map((handle) => this.backend.createOutputTensor(handle));
  }

  /** What `f` returns, which lasts until it is freed. */
  kept<T extends Handles>(f: () => T): T {
    return this.#outside(f);
  }

  /** Tensors own what they are made of: no scope may free it. */
  #outside<T extends Handles>(f: () => T): T {
    const outer = this.#made;
    this.#made = undefined;
    try {
      return this.scope(f);
    } finally {
      this.#made = outer;
    }
  }

  free(ids: Iterable<number>): void {
    for (const id of ids) this.backend.binding.deleteTensor(id);
  }

  /** Frees an array of the running scope before its end. */
  drop({ id }: Handle): void {
    this.#made?.delete(id);
    this.free([id]);
  }

  /** The array of a tensor. */
  of(info: tf.TensorInfo): Handle {
    const [id] = this.backend.getInputTensorIds([info]);
    return { id, shape: info.shape, dtype: info.dtype === 'float32' ? F32 : I32 };
  }

  /** An array of new values. */
  array(shape: readonly number[], dtype: number, values: ArrayBufferView): Handle {
    const id = this.backend.binding.createTensor(shape, dtype, values);
    this.#made?.add(id);
    return { id, shape, dtype };
  }

  number(value: number): Handle {
    return this.array([], F32, Float32Array.of(value));
  }

  integers(values: ArrayLike<number>): Handle {
    return this.array([values.length], I32, Int32Array.from(values));
  }

  /** A number that is asked for again and again. */
  constant(value: number): Handle {
    return this.#constant(`${value}`, () => this.number(value));
  }

  /** Axes or a shape. */
  #list(values: readonly number[]): Handle {
    return this.#constant(`[${values}]`, () => this.integers(values));
  }

  #integer(value: number): Handle {
    return this.#constant(`int ${value}`, () => this.array([], I32, Int32Array.of(value)));
  }

  #constant(key: string, make: () => Handle): Handle {
    let handle = this.#constants.get(key);
    if (!handle) {
      handle = this.kept(make);
      if (this.#constants.size >= MOST_CONSTANTS) this.#forget();
      this.#constants.set(key, handle);
    }
    return handle;
  }

  /** Drops the constant that was made first. */
  #forget(): void {
    const [[key, { id }]] = this.#constants;
    this.#constants.delete(key);
    this.free([id]);
  }

  /** The numbers of a float32 array. */
  read({ id }: Handle): Float32Array {
    return this.backend.binding.tensorDataSync(id);
  }

  call(name: string, inputs: readonly Handle[], attributes: readonly Attribute[], outputs = 1): Handle[] {
    const ids = inputs.map(({ id }) => id);
    const results = this.backend.binding.executeOp(name, attributes, ids, outputs);
    for (const { id } of results) this.#made?.add(id);
    return results;
  }

  type(name: string, value: number): Attribute {
    return { name, type: this.backend.binding.TF_ATTR_TYPE, value };
  }

  #flag(name: string, value: boolean): Attribute {
    return { name, type: this.backend.binding.TF_ATTR_BOOL, value };
  }

  #count(name: string, value: number): Attribute {
    return { name, type: this.backend.binding.TF_ATTR_INT, value };
  }

  /** An operation on arrays of one type, element by element. */
  elements(name: string, ...inputs: Handle[]): Handle {
    return this.call(name, inputs, [this.type('T', inputs[0].dtype)])[0];
  }

  add(a: Handle, b: Handle): Handle {
    return this.elements('AddV2', a, b);
  }

  sub(a: Handle, b: Handle): Handle {
    return this.elements('Sub', a, b);
  }

  mul(a: Handle, b: Handle): Handle {
    return this.elements('Mul', a, b);
  }

  sigmoid(x: Handle): Handle {
    return this.elements('Sigmoid', x);
  }

  /** One sum over several arrays of one shape. */
  addAll(arrays: readonly Handle[]): Handle {
    const attributes = [this.#count('N', arrays.length), this.type('T', arrays[0].dtype)];
    return this.call('AddN', arrays, attributes)[0];
  }

  cast(x: Handle, to: number): Handle {
    if (x.dtype === to) return x;
    const types = [this.type('SrcT', x.dtype), this.type('DstT', to), this.#flag('Truncate', false)];
    return this.call('Cast', [x], types)[0];
  }

  /** The same bytes as numbers of another type. Where that is wider, the last axis goes into its numbers. */
  bitcast(x: Handle, to: number): Handle {
    return this.call('Bitcast', [x], [this.type('T', x.dtype), this.type('type', to)])[0];
  }

  reshape(x: Handle, shape: readonly number[]): Handle {
    const attributes = [this.type('T', x.dtype), this.type('Tshape', I32)];
    return this.call('Reshape', [x, this.#list(shape)], attributes)[0];
  }

  transpose(x: Handle, order: readonly number[]): Handle {
    const attributes = [this.type('T', x.dtype), this.type('Tperm', I32)];
    return this.call('Transpose', [x, this.#list(order)], attributes)[0];
  }

  /** Over the axes, which stay where `keep` says so. */
  reduce(name: 'Sum' | 'Mean', x: Handle, axes: readonly number[], keep = false): Handle {
    const attributes = [this.type('T', x.dtype), this.type('Tidx', I32), this.#flag('keep_dims', keep)];
    return this.call(name, [x, this.#list(axes)], attributes)[0];
  }

  /** `a b`, of matrices; either may be taken transposed. */
  matMul(a: Handle, b: Handle, transposeA = false, transposeB = false): Handle {
    const flags = [this.#flag('transpose_a', transposeA), this.#flag('transpose_b', transposeB)];
    return this.call('MatMul', [a, b], [this.type('T', a.dtype), ...flags])[0];
  }

  /** The same for the last two axes. */
  batchMatMul(a: Handle, b: Handle, transposeA = false, transposeB = false): Handle {
    const flags = [this.#flag('adj_x', transposeA), this.#flag('adj_y', transposeB)];
    return this.call('BatchMatMulV2', [a, b], [this.type('T', a.dtype), ...flags])[0];
  }

  /** The rows of `x`, along its first axis, by their indices. */
  gather(x: Handle, indices: Handle): Handle {
    const attributes = [this.type('Tparams', x.dtype), this.type('Tindices', I32), this.type('Taxis', I32)];
    return this.call('GatherV2', [x, indices, this.#integer(0)], attributes)[0];
  }

  /** The sums of the rows of `x` that have one index. */
  sumByIndex(x: Handle, indices: Handle, rows: number): Handle {
    const types = [this.type('T', x.dtype), this.type('Tindices', I32), this.type('Tnumsegments', I32)];
    return this.call('UnsortedSegmentSum', [x, indices, this.#integer(rows)], types)[0];
  }

  /** Rows `start` … `start + count − 1` along the first axis. */
  rows(x: Handle, start: number, count: number): Handle {
    const rest = x.shape.slice(1);
    const begin = this.integers([start, ...rest.map(() => 0)]);
    const size = this.integers([count, ...rest]);
    return this.call('Slice', [x, begin, size], [this.type('T', x.dtype), this.type('Index', I32)])[0];
  }

  concat(arrays: readonly Handle[], axis: number): Handle {
    if (arrays.length === 1) return arrays[0];
    const types = [this.type('T', arrays[0].dtype), this.type('Tidx', I32)];
    return this.call(
      'ConcatV2',
      [...arrays, this.#integer(axis)],
      [this.#count('N', arrays.length), ...types],
    )[0];
  }

  split(x: Handle, widths: readonly number[], axis: number): Handle[] {
    const types = [this.type('T', x.dtype), this.type('Tlen', I32)];
    const inputs = [x, this.#list(widths), this.#integer(axis)];
    return this.call('SplitV', inputs, [this.#count('num_split', widths.length), ...types], widths.length);
  }

  zeros(shape: readonly number[]): Handle {
    const size = shape.reduce((product, extent) => product * extent, 1);
    return this.array(shape, F32, new Float32Array(size));
  }
}

/** More than a model needs; what differs from step to step is no constant. */
const MOST_CONSTANTS = 512;
