/**
 * tfjs's wasm backend copies a tensor to clone it, and cloning is how every tensor that a gradient needs is kept.
 * This puts a kernel in its place that shares the data, as the other backends do.
 */

import { tf } from '../../../core/index.js';

/** Replaces the wasm backend's Identity; further calls do nothing. */
export function registerSharingIdentity(): void {
  const original = tf.getKernel('Identity', 'wasm');
  if (!original || original.kernelFunc === sharingIdentity) return;
  tf.unregisterKernel('Identity', 'wasm');
  tf.registerKernel({ ...original, kernelFunc: sharingIdentity });
}

const sharingIdentity: tf.KernelFunc = ({ inputs, backend }) => {
  const { x } = inputs as { x: tf.TensorInfo };
  (backend as tf.KernelBackend).incRef(x.dataId);
  return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
};
