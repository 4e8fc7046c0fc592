/** What all kernels need: the backend, and a short way to make one and its gradient known to TensorFlow.js. */

import { kernelsOf } from '../../kit/kernels.js';
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

export const { kernel, fasterKernel, gradient } = kernelsOf(BACKEND);
