/** AdamW over a model's trainable variables, with gradient clipping, and a linear learning-rate schedule. */

import * as tf from '@tensorflow/tfjs';
import type { Gradients } from './hooks.js';
import { type AdamWState, adamw } from './ops/adamw.js';
import { globalNorm } from './ops/global-norm.js';

export interface OptimizerOptions {
  readonly weightDecay: number;
  readonly maxGradNorm: number;
}

/** As torch.optim.AdamW's defaults. */
const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

/**
 * The learning rate of update `step` (from 0): rises linearly over `warmupSteps`, then falls linearly to 0 at
 * `totalSteps`. Source: transformers' get_linear_schedule_with_warmup, whose first update with warm-up has the
 * rate 0 too.
 */
export function learningRateAt(step: number, peak: number, warmupSteps: number, totalSteps: number): number {
  if (step < warmupSteps) return (peak * step) / warmupSteps;
  return peak * Math.max(0, (totalSteps - step) / Math.max(1, totalSteps - warmupSteps));
}

export class Optimizer {
  readonly #states = new Map<string, AdamWState>();
  /** The variables before the last update. */
  #previous = new Map<string, tf.Tensor>();
  #step = 0;

  constructor(
    private readonly variables: ReadonlyMap<string, tf.Variable>,
    private readonly options: OptimizerOptions,
  ) {
    for (const [name, variable] of variables) {
      this.#states.set(name, { mean: tf.zerosLike(variable), square: tf.zerosLike(variable) });
    }
  }

  /** The gradients' global norm. */
  async norm(gradients: Gradients): Promise<number> {
    const norm = globalNorm([...gradients.values()]);
    const [value] = await norm.data();
    norm.dispose();
    return value;
  }

  /** One update. Gradients of a norm above maxGradNorm are scaled down to it, as torch's clip_grad_norm_ does. */
  update(gradients: Gradients, norm: number, learningRate: number): void {
    const { weightDecay, maxGradNorm } = this.options;
    const names = [...this.variables.keys()];
    const states = names.map((name) => this.#stateOf(name));
    const updated = adamw(
      [...this.variables.values()],
      names.map((name) => gradients.get(name) as tf.Tensor),
      states,
      {
        learningRate,
        beta1: BETA1,
        beta2: BETA2,
        epsilon: EPSILON,
        weightDecay,
        step: ++this.#step,
        gradientScale: Math.min(1, maxGradNorm / (norm + 1e-6)),
      },
    );
    this.#forgetPrevious();
    for (const [i, name] of names.entries()) {
      const variable = this.variables.get(name) as tf.Variable;
      this.#previous.set(name, variable.clone());
      variable.assign(updated.values[i]);
      this.#states.set(name, updated.states[i]);
    }
    tf.dispose([...updated.values, ...states.flatMap(({ mean, square }) => [mean, square])]);
  }

  /** Takes the last update's change of the variables back; false where there was none. */
  undo(): boolean {
    if (this.#previous.size === 0) return false;
    for (const [name, value] of this.#previous) this.variables.get(name)?.assign(value);
    this.#forgetPrevious();
    return true;
  }

  dispose(): void {
    this.#forgetPrevious();
    for (const { mean, square } of this.#states.values()) tf.dispose([mean, square]);
    this.#states.clear();
  }

  #stateOf(name: string): AdamWState {
    const state = this.#states.get(name);
    if (!state) throw new RangeError(`the optimizer has no variable "${name}"`);
    return state;
  }

  #forgetPrevious(): void {
    tf.dispose([...this.#previous.values()]);
    this.#previous = new Map();
  }
}
