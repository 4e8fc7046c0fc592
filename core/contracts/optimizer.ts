/** What optimizer plugins make: that which changes the trained variables by their gradients. */

import type * as tf from '@tensorflow/tfjs';

/** Gradients by the name of the trainable variable. */
export type Gradients = ReadonlyMap<string, tf.Tensor>;

/** What an optimizer is made for. */
export interface OptimizerRequest {
  /** What is trained, by name. The optimizer changes them in place, and does not free them. */
  readonly variables: ReadonlyMap<string, tf.Variable>;
  /** `train.weightDecay`: of matrices. Vectors (scales of norms, biases) do not decay, as in transformers' Trainer. */
  readonly weightDecay: number;
}

/** Of one update. */
export interface UpdateOptions {
  readonly learningRate: number;
  /** What gradients are multiplied with first: below 1 where their norm is clipped. */
  readonly gradientScale: number;
}

/** What is kept of something that a run could go on from. */
export interface SavedState {
  readonly numbers: Readonly<Record<string, number>>;
  /** By names of the optimizer's own choice. They stay its own: who asks copies what is to last. */
  readonly tensors: ReadonlyMap<string, tf.Tensor>;
}

export interface Optimizer {
  /** Changes every variable once. The gradients are the caller's to free. */
  update(gradients: Gradients, options: UpdateOptions): void;
  /** All that the next update depends on besides variables, gradients and options. */
  state(): SavedState;
  /**
   * Continues from a state of the same variables; what it holds is copied.
   *
   * @throws RangeError where the state is of other variables
   */
  restore(state: SavedState): void;
  /** Frees what the optimizer keeps. */
  dispose(): void;
}
