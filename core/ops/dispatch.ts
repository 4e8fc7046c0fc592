import { tf } from '../base/tf.js';
import type {
  ByteKernelName,
  KernelAttrs,
  KernelName,
  KernelResult,
  KernelTensors,
  TensorKernelName,
} from './kernels.js';
import { runKernel } from './run-kernel.js';

/** Whether a device plugin has registered the kernel `name` for the active backend. */
export function hasKernel(name: KernelName): boolean {
  return tf.getKernel(name, tf.getBackend()) !== undefined;
}

/**
 * Runs the active backend's kernel `name` if a device plugin has registered one, else the composed form. The gradient of a
 * kernel that was registered with `tf.registerKernel` is registered with `tf.registerGradient` under the same name. The table
 * of kernels (`Kernels`) has the arguments, and says how a plugin adds a kernel. The first of several outputs is that of the
 * op; its gradient can save the others.
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
  const kernel = tf.getKernel(name, tf.getBackend());
  if (!kernel) return composed();
  return runKernel(kernel, inputs as unknown as tf.NamedTensorMap, attrs as unknown as tf.NamedAttrMap);
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
 * Runs the active backend's kernel `name` for work on bytes, not tensors. `attrs` holds what it reads, and the arrays that it
 * writes. Returns what the kernel returns, or undefined if there is none.
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
