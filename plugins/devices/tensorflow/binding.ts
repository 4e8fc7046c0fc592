/** What the package tfjs-node has of TensorFlow: its binding, and the TensorFlow.js backend that stands on it. */

import type { tf } from '../../../core/index.js';

/** TensorFlow's numbers of the element types that are used here (tensorflow/c/tf_datatype.h). */
export const F32 = 1;
export const I32 = 3;
export const U8 = 4;
export const I8 = 6;
export const BF16 = 14;
export const F16 = 19;
export const U32 = 22;

/** An array of TensorFlow's, wherever it lies. */
export interface Handle {
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: number;
}

export interface Attribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

/** The addon. Its operations are TensorFlow's own, by their names. */
export interface Binding {
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_STRING: number;
  readonly TF_Version: string;
  executeOp(
    name: string,
    attributes: readonly Attribute[],
    inputs: readonly number[],
    outputs: number,
  ): Handle[];
  /** An array of what `values` has; on a CPU it may go on to use their memory. */
  createTensor(shape: readonly number[], dtype: number, values: ArrayBufferView): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): Float32Array;
  isUsingGpuDevice(): boolean;
}

/** The backend `tensorflow`. */
export interface NodeBackend {
  readonly binding: Binding;
  readonly isUsingGpuDevice: boolean;
  getInputTensorIds(tensors: readonly tf.TensorInfo[]): number[];
  /** A tensor to which the array belongs from now on. */
  createOutputTensor(handle: Handle): tf.Tensor;
}
