import * as tf from '@tensorflow/tfjs';

type Attrs = Readonly<Record<string, unknown>>;

/** Whether a device plugin registered the kernel `name` for the active backend. */
export function hasKernel(name: string): boolean {
  return tf.getKernel(name, tf.getBackend()) !== undefined;
}

/**
 * Runs the active backend's kernel `name` where a device plugin registered one, else the composed form. A kernel
 * registered with `tf.registerKernel` has its gradient registered with `tf.registerGradient` under the same name.
 * `attrs` may hold anything a kernel needs that takes no gradient: numbers, typed arrays, frozen weights. Of several
 * outputs the first is the op's; the others are for its gradient to save.
 */
export function dispatch<T extends tf.Tensor>(
  name: string,
  inputs: tf.NamedTensorMap,
  attrs: Attrs,
  composed: () => T,
): T {
  const [result, ...others] = dispatchAll(name, inputs, attrs, () => [composed()]);
  // A gradient that will need them has its own references.
  tf.dispose(others);
  return result as T;
}

/** As `dispatch`, for kernels of several outputs. */
export function dispatchAll(
  name: string,
  inputs: tf.NamedTensorMap,
  attrs: Attrs,
  composed: () => tf.Tensor[],
): tf.Tensor[] {
  if (!hasKernel(name)) return composed();
  const outputs = tf.engine().runKernel(name, inputs, attrs as unknown as tf.NamedAttrMap);
  return ([] as tf.Tensor[]).concat(outputs);
}

/** Tensors as the inputs of a kernel that takes any number: `x0`, `x1`, … */
export function numbered(prefix: string, tensors: readonly tf.Tensor[]): tf.NamedTensorMap {
  return Object.fromEntries(tensors.map((tensor, i) => [`${prefix}${i}`, tensor]));
}

/**
 * Lets the active backend's kernel `name` do work that is not on tensors: `attrs` holds what it reads and the arrays
 * that it writes. Answers what the kernel does, or undefined where there is none.
 */
export function perform(name: string, attrs: Attrs): unknown {
  const kernel = tf.getKernel(name, tf.getBackend());
  return kernel?.kernelFunc({
    inputs: {},
    attrs: attrs as unknown as tf.NamedAttrMap,
    backend: tf.backend(),
  });
}
