/** A short way for a device to make kernels, and their gradients, known to TensorFlow.js. */

import {
  type KernelAttrs,
  type KernelInputs,
  type KernelName,
  type KernelResult,
  type KernelTensors,
  type TensorKernelName,
  tf,
} from '../../../core/index.js';

/** What a device that takes the place of a plain kernel computes, or undefined where the plain one must. */
export type Faster<A> = (inputs: Record<string, tf.TensorInfo>, attrs: A) => tf.TensorInfo | undefined;

/** The inputs that were saved, in the order in which they were asked for, and behind them the outputs. */
export type Saved<N extends KernelName, I extends readonly (keyof KernelTensors<N>)[]> = [
  ...{ -readonly [K in keyof I]: KernelTensors<N>[I[K]] },
  ...tf.Tensor[],
];

/** What a gradient needs of its forward pass. */
export interface Saves<I> {
  readonly inputs?: I;
  readonly outputs?: readonly boolean[];
}

/**
 * Gradients by kernel, and for each by device. TensorFlow.js has one gradient a kernel, whichever the backend: the one that is
 * registered there asks the active backend's.
 */
const gradients = new Map<string, { readonly saves: string; readonly byBackend: Map<string, tf.GradFunc> }>();

/**
 * The ways in which a device makes its kernels known, for its TensorFlow.js backend.
 *
 *     const { kernel, fasterKernel, gradient } = kernelsOf('acme');
 */
export function kernelsOf(backendName: string) {
  const register = (kernelName: string, kernelFunc: tf.KernelFunc): void => {
    if (tf.getKernel(kernelName, backendName)) tf.unregisterKernel(kernelName, backendName);
    tf.registerKernel({ kernelName, backendName, kernelFunc });
  };

  /** Makes a kernel of the table (core/ops/kernels.ts) known. */
  function kernel<N extends KernelName>(
    name: N,
    compute: (inputs: KernelInputs<N>, attrs: KernelAttrs<N>) => KernelResult<N>,
  ): void {
    register(name, ({ inputs, attrs }) => {
      const result: unknown = compute(inputs as KernelInputs<N>, attrs as unknown as KernelAttrs<N>);
      return result as tf.TensorInfo | tf.TensorInfo[];
    });
  }

  /** Takes the place of one of TensorFlow.js's own kernels. What this backend had stays for what `compute` leaves. */
  function fasterKernel<A>(name: string, compute: Faster<A>): void {
    const plain = tf.getKernel(name, backendName).kernelFunc;
    register(name, (call) => {
      const inputs = call.inputs as Record<string, tf.TensorInfo>;
      return compute(inputs, call.attrs as unknown as A) ?? plain(call);
    });
  }

  /**
   * The gradient of one of the kernels above: thunks by the input's name. What several thunks share is computed before them,
   * since TensorFlow.js frees what one of them makes before it calls the next. All devices save the same for a kernel.
   */
  function gradient<
    N extends TensorKernelName,
    G extends keyof KernelTensors<N>,
    const I extends readonly (keyof KernelTensors<N> & string)[] = [],
  >(
    name: N,
    saves: Saves<I>,
    compute: (dys: tf.Tensor[], saved: Saved<N, I>, attrs: KernelAttrs<N>) => Record<G, () => tf.Tensor>,
  ): void {
    const { byBackend } = registered(name, saves);
    byBackend.set(backendName, (dy, saved, attrs) => {
      const dys = ([] as tf.Tensor[]).concat(dy);
      const thunks = compute(dys, saved as Saved<N, I>, attrs as unknown as KernelAttrs<N>);
      return thunks as Record<string, () => tf.Tensor>;
    });
  }

  return { kernel, fasterKernel, gradient };
}

/** @throws Error if another device saves something else for the kernel: TensorFlow.js saves the same for all */
function registered(name: string, given: Saves<readonly string[]>): { byBackend: Map<string, tf.GradFunc> } {
  const { inputs = [], outputs = [] } = given;
  const saves = JSON.stringify([inputs, outputs]);
  const before = gradients.get(name);
  if (before) {
    if (before.saves === saves) return before;
    throw new Error(
      `the gradient of ${name} saves ${saves}, but that of another device saves ${before.saves}`,
    );
  }
  const byBackend = new Map<string, tf.GradFunc>();
  gradients.set(name, { saves, byBackend });
  tf.registerGradient({
    kernelName: name,
    inputsToSave: [...inputs],
    outputsToSave: [...outputs],
    gradFunc: (dy, saved, attrs) => {
      const gradient = byBackend.get(tf.getBackend());
      if (!gradient) throw new Error(`the backend ${tf.getBackend()} has no gradient of ${name}`);
      return gradient(dy, saved, attrs);
    },
  });
  return { byBackend };
}

/** Of a kernel's result the tensor, which the running tidy frees. */
export function tensorOf(info: tf.TensorInfo): tf.Tensor {
  return tf.engine().makeTensorFromTensorInfo(info);
}
