/** What optimizer plugins make: an optimizer, which changes the trained variables by their gradients. */

import type { tf } from '../base/tf.js';

/** Gradients by the name of the trainable variable. */
export type Gradients = ReadonlyMap<string, tf.Tensor>;

/** What an optimizer is made for. */
export interface OptimizerRequest {
  /** What is trained, by name. The optimizer changes them in place, and does not free them. */
  readonly variables: ReadonlyMap<string, tf.Variable>;
  /** `train.weightDecay`, for matrices. Vectors (scales of norms, biases) do not decay, as in transformers' Trainer. */
  readonly weightDecay: number;
}

/** The options of one update. */
export interface UpdateOptions {
  readonly learningRate: number;
  /** Gradients are multiplied by this first. It is below 1 when their norm is clipped. */
  readonly gradientScale: number;
}

/** A part of the state of a run. */
export interface SavedState {
  readonly numbers: Readonly<Record<string, number>>;
  /** The optimizer chooses the names. The tensors stay its own: copy what must last. */
  readonly tensors: ReadonlyMap<string, tf.Tensor>;
}

export interface Optimizer {
  /** Changes every variable once. The caller frees the gradients. */
  update(gradients: Gradients, options: UpdateOptions): void;
  /** All that the next update depends on, besides variables, gradients and options. */
  state(): SavedState;
  /**
   * Continues from a state of the same variables, which may be its own; what it holds is copied.
   *
   * @throws RangeError if the state is of other variables, or lacks a number; then nothing is changed
   */
  restore(state: SavedState): void;
  /** Frees what the optimizer keeps. */
  dispose(): void;
}
