import * as tf from '@tensorflow/tfjs';

/**
 * Runs the active backend's kernel `name` where a device plugin registered one, else the composed form. A kernel
 * registered with `tf.registerKernel` has its gradient registered with `tf.registerGradient` under the same name.
 * `attrs` may hold anything a kernel needs that takes no gradient: numbers, typed arrays, frozen weights.
 */
export function dispatch<T extends tf.Tensor>(
  name: string,
  inputs: tf.NamedTensorMap,
  attrs: Readonly<Record<string, unknown>>,
  composed: () => T,
): T {
  if (!tf.getKernel(name, tf.getBackend())) return composed();
  return tf.engine().runKernel(name, inputs, attrs as unknown as tf.NamedAttrMap);
}
