/** What all kernels need: the backend, and a short way to make one and its gradient known to TensorFlow.js. */

import { tf } from '../../../../core/index.js';
import type { NativeBackend } from '../backend.js';
import type { WeightHandles } from '../weights.js';

export const BACKEND = 'native';

/** The device that is open: there is one a process. */
export interface Native {
  readonly backend: NativeBackend;
  readonly weights: WeightHandles;
  /** Columns with a number above this many times its row's root mean square are kept out of int8; 0: none. */
  readonly outlierThreshold: number;
}

type Inputs = Readonly<Record<string, tf.TensorInfo>>;
type Attrs = Readonly<Record<string, unknown>>;

/** Makes a kernel known, in place of the plain backend's where that has one. */
export function kernel<A = Attrs>(
  name: string,
  compute: (inputs: Inputs, attrs: A) => tf.TensorInfo | tf.TensorInfo[],
): void {
  if (tf.getKernel(name, BACKEND)) tf.unregisterKernel(name, BACKEND);
  tf.registerKernel({
    kernelName: name,
    backendName: BACKEND,
    kernelFunc: ({ inputs, attrs }) => compute(inputs as Inputs, attrs as A),
  });
}

/** As `kernel`, where the plain backend's stays for what `compute` answers with undefined. */
export function fasterKernel<A = Attrs>(
  name: string,
  compute: (inputs: Inputs, attrs: A) => tf.TensorInfo | undefined,
): void {
  const plain = tf.getKernel(name, 'cpu').kernelFunc;
  if (tf.getKernel(name, BACKEND)) tf.unregisterKernel(name, BACKEND);
  tf.registerKernel({
    kernelName: name,
    backendName: BACKEND,
    kernelFunc: (call) => compute(call.inputs as Inputs, call.attrs as A) ?? plain(call),
  });
}

/**
 * The gradient of one of the kernels above: thunks by the input's name. What several thunks share is computed before
 * them, since TensorFlow.js frees what one of them makes before it calls the next.
 */
export function gradient<A = Attrs>(
  name: string,
  saves: { inputs?: string[]; outputs?: boolean[] },
  compute: (dys: tf.Tensor[], saved: tf.Tensor[], attrs: A) => Record<string, () => tf.Tensor>,
): void {
  tf.registerGradient({
    kernelName: name,
    inputsToSave: saves.inputs ?? [],
    outputsToSave: saves.outputs ?? [],
    gradFunc: (dy, saved, attrs) => compute(([] as tf.Tensor[]).concat(dy), saved, attrs as A),
  });
}

/** Of a kernel's result the tensor, which the running tidy frees. */
export function tensorOf(info: tf.TensorInfo): tf.Tensor {
  return tf.engine().makeTensorFromTensorInfo(info);
}
