/** What all kernels need: TensorFlow's operations, the weights, and a short way to make a kernel and its gradient known. */

import { kernelsOf } from '../../kit/kernels.js';
import type { Ops } from '../ops.js';
import type { Weights } from '../weights.js';

export const BACKEND = 'tensorflow';

/** TensorFlow as it was opened: once a process. */
export interface Tensorflow {
  readonly ops: Ops;
  readonly weights: Weights;
  /** How many bytes an array may have that is made in pieces. */
  readonly pieceBytes: number;
}

export const { kernel, gradient } = kernelsOf(BACKEND);
