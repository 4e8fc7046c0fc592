/** Large products by cublasLt in tests, in which small ones are taken for large, and what is asked of cublasLt is counted. */

import * as tf from '@tensorflow/tfjs';
import type { CudaBackend } from '../../plugins/devices/cuda/backend.js';
import { LargeProducts } from '../../plugins/devices/cuda/kernels/large-products.js';

/** The backend of the device cuda, while it is active. */
export const cudaBackend = () => tf.backend() as unknown as CudaBackend;

/** Has products of this extent or more taken for large. @returns what puts it back */
export function takeSmallForLarge(extent = 16): () => void {
  const { least } = LargeProducts;
  LargeProducts.least = { extent, multiplications: 1 };
  return () => {
    LargeProducts.least = least;
  };
}

/** How often cublasLt is asked for an algorithm, and for a product, in `use`. */
export async function callsOf(use: () => unknown): Promise<{ findAlgorithm: number; multiply: number }> {
  await tf.setBackend('cuda');
  const calls = { findAlgorithm: 0, multiply: 0 };
  const { addon } = cudaBackend().driver;
  const { findAlgorithm, multiply } = addon;
  addon.findAlgorithm = (...args) => {
    calls.findAlgorithm++;
    return findAlgorithm(...args);
  };
  addon.multiply = (...args) => {
    calls.multiply++;
    multiply(...args);
  };
  try {
    await use();
  } finally {
    Object.assign(addon, { findAlgorithm, multiply });
  }
  return calls;
}
