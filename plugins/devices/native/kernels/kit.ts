/** What all kernels need: the backend, and a short way to make one and its gradient known to TensorFlow.js. */

import {
  type KernelAttrs,
  type KernelInputs,
  type KernelName,
  type KernelResult,
  type KernelTensors,
  type TensorKernelName,
  tf,
} from '../../../../core/index.js';
import type { NativeBackend } from '../backend.js';
import type { PlacedWeights } from '../placed-weights.js';

export const BACKEND = 'native';

/** The device that is open: there is one a process. */
export interface Native {
  readonly backend: NativeBackend;
  readonly weights: PlacedWeights;
  /** Columns with a number above this many times its row's root mean square are kept out of int8; 0: none. */
  readonly outlierThreshold: number;
}

/** Makes a kernel of the table known. */
export function kernel<N extends KernelName>(
  name: N,
  compute: (inputs: KernelInputs<N>, attrs: KernelAttrs<N>) => KernelResult<N>,
): void {
  register(name, ({ inputs, attrs }) => {
    const result: unknown = compute(inputs as KernelInputs<N>, attrs as unknown as KernelAttrs<N>);
    return result as tf.TensorInfo | tf.TensorInfo[];
  });
}

/**
 * Takes the place of one of TensorFlow.js's own kernels, of which the plain backend's stays for what `compute` answers
 * with undefined.
 */
export function fasterKernel<A>(
  name: string,
  compute: (inputs: Record<string, tf.TensorInfo>, attrs: A) => tf.TensorInfo | undefined,
): void {
  const plain = tf.getKernel(name, 'cpu').kernelFunc;
  register(name, (call) => {
    const inputs = call.inputs as Record<string, tf.TensorInfo>;
    return compute(inputs, call.attrs as unknown as A) ?? plain(call);
  });
}

function register(kernelName: string, kernelFunc: tf.KernelFunc): void {
  if (tf.getKernel(kernelName, BACKEND)) tf.unregisterKernel(kernelName, BACKEND);
  tf.registerKernel({ kernelName, backendName: BACKEND, kernelFunc });
}

/** The inputs that were saved, in the order in which they were asked for, and behind them the outputs. */
type Saved<N extends KernelName, I extends readonly (keyof KernelTensors<N>)[]> = [
  ...{ -readonly [K in keyof I]: KernelTensors<N>[I[K]] },
  ...tf.Tensor[],
];

/**
 * The gradient of one of the kernels above: thunks by the input's name. What several thunks share is computed before
 * them, since TensorFlow.js frees what one of them makes before it calls the next.
 */
export function gradient<
  N extends TensorKernelName,
  G extends keyof KernelTensors<N>,
  const I extends readonly (keyof KernelTensors<N> & string)[] = [],
>(
  name: N,
  saves: { readonly inputs?: I; readonly outputs?: readonly boolean[] },
  compute: (dys: tf.Tensor[], saved: Saved<N, I>, attrs: KernelAttrs<N>) => Record<G, () => tf.Tensor>,
): void {
  tf.registerGradient({
    kernelName: name,
    inputsToSave: [...(saves.inputs ?? [])],
    outputsToSave: [...(saves.outputs ?? [])],
    gradFunc: (dy, saved, attrs) => {
      const dys = ([] as tf.Tensor[]).concat(dy);
      const thunks = compute(dys, saved as Saved<N, I>, attrs as unknown as KernelAttrs<N>);
      return thunks as Record<string, () => tf.Tensor>;
    },
  });
}

/** Of a kernel's result the tensor, which the running tidy frees. */
export function tensorOf(info: tf.TensorInfo): tf.Tensor {
  return tf.engine().makeTensorFromTensorInfo(info);
}
