/** What all kernels need: the backend, and a short way to make one and its gradient known to TensorFlow.js. */

import { DeviceKernels } from '../../kit/kernels.js';
import type { NativeBackend } from '../backend.js';
import type { PlacedWeights } from '../placed-weights.js';

export { tensorOf } from '../../kit/kernels.js';

export const BACKEND = 'native';

/** The device that is open: there is one a process. */
export interface Native {
  readonly backend: NativeBackend;
  readonly weights: PlacedWeights;
  /** Columns with a number above this many times its row's root mean square are kept out of int8; 0: none. */
  readonly outlierThreshold: number;
}

const kernels = new DeviceKernels(BACKEND);
export const kernel: typeof kernels.kernel = kernels.kernel.bind(kernels);
export const fasterKernel: typeof kernels.fasterKernel = kernels.fasterKernel.bind(kernels);
export const gradient: typeof kernels.gradient = kernels.gradient.bind(kernels);
