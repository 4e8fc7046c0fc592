import * as tf from '@tensorflow/tfjs';
import type {
  ByteKernelName,
  KernelAttrs,
  KernelName,
  KernelResult,
  KernelTensors,
  TensorKernelName,
} from './kernels.js';

/** Whether a device plugin registered the kernel `name` for the active backend. */
export function hasKernel(name: KernelName): boolean {
  return tf.getKernel(name, tf.getBackend()) !== undefined;
}

/**
 * Runs the active backend's kernel `name` where a device plugin registered one, else the composed form. A kernel
 * registered with `tf.registerKernel` has its gradient registered with `tf.registerGradient` under the same name.
 * What it is given stands in the table of kernels (`Kernels`, which also says how a plugin adds to it). Of several
 * outputs the first is the op's; the others are for its gradient to save.
 */
export function dispatch<N extends TensorKernelName, T extends tf.Tensor>(
  name: N,
  inputs: KernelTensors<N>,
  attrs: KernelAttrs<N>,
  composed: () => T,
): T {
  const [result, ...others] = dispatchAll(name, inputs, attrs, () => [composed()]);
  // A gradient that will need them has its own references.
  tf.dispose(others);
  return result as T;
}

/** As `dispatch`, for kernels of several outputs. */
export function dispatchAll<N extends TensorKernelName>(
  name: N,
  inputs: KernelTensors<N>,
  attrs: KernelAttrs<N>,
  composed: () => tf.Tensor[],
): tf.Tensor[] {
  if (!hasKernel(name)) return composed();
  const tensors = inputs as unknown as tf.NamedTensorMap;
  const outputs = tf.engine().runKernel(name, tensors, attrs as unknown as tf.NamedAttrMap);
  return ([] as tf.Tensor[]).concat(outputs);
}

/** Tensors as the inputs of a kernel that takes any number: `x0`, `x1`, … */
export function numbered<P extends string>(
  prefix: P,
  tensors: readonly tf.Tensor[],
): Record<`${P}${number}`, tf.Tensor> {
  const named = tensors.map((tensor, i) => [`${prefix}${i}`, tensor] as const);
  return Object.fromEntries(named) as Record<`${P}${number}`, tf.Tensor>;
}

/**
 * Lets the active backend's kernel `name` do work that is not on tensors: `attrs` holds what it reads and the arrays
 * that it writes. Answers what the kernel does, or undefined where there is none.
 */
export function perform<N extends ByteKernelName>(
  name: N,
  attrs: KernelAttrs<N>,
): KernelResult<N> | undefined {
  const kernel = tf.getKernel(name, tf.getBackend());
  return kernel?.kernelFunc({
    inputs: {},
    attrs: attrs as unknown as tf.NamedAttrMap,
    backend: tf.backend(),
  }) as unknown as KernelResult<N> | undefined;
}
