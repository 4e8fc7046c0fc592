/** AdamW over a model's trainable variables, with gradient clipping, and the learning rate's schedule. */

import * as tf from '@tensorflow/tfjs';
import { type AdamWOptions, type AdamWState, adamw } from '../ops/adamw.js';
import { globalNorm } from '../ops/global-norm.js';
import type { Gradients } from '../plugins/hooks.js';

export interface OptimizerOptions {
  readonly weightDecay: number;
  readonly adamBeta1: number;
  readonly adamBeta2: number;
  readonly maxGradNorm: number;
}

export interface Schedule {
  readonly scheduler: 'linear' | 'cosine';
  /** The highest rate. */
  readonly learningRate: number;
  /** Where its decay ends. */
  readonly minLearningRate: number;
  readonly warmupSteps: number;
}

/** As torch.optim.AdamW's default. */
const EPSILON = 1e-8;

/**
 * The learning rate of update `step` (from 0): rises linearly over `warmupSteps`, then falls to `minLearningRate` at
 * `totalSteps`, linearly or as half a cosine wave. Source: transformers' get_linear_schedule_with_warmup and
 * get_cosine_with_min_lr_schedule_with_warmup, whose first update with warm-up has the rate 0 too.
 */
export function learningRateAt(step: number, schedule: Schedule, totalSteps: number): number {
  const { scheduler, learningRate, minLearningRate, warmupSteps } = schedule;
  if (step < warmupSteps) return (learningRate * step) / warmupSteps;
  const left = Math.max(0, (totalSteps - step) / Math.max(1, totalSteps - warmupSteps));
  const decay = scheduler === 'linear' ? left : (1 - Math.cos(Math.PI * left)) / 2;
  return minLearningRate + (learningRate - minLearningRate) * decay;
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

  /**
   * One update. Gradients of a norm above maxGradNorm are scaled down to it, as torch's clip_grad_norm_ does. Vectors
   * (scales of norms, biases) do not decay, as in transformers' Trainer.
   */
  update(gradients: Gradients, norm: number, learningRate: number): void {
    const { weightDecay, adamBeta1, adamBeta2, maxGradNorm } = this.options;
    const options = {
      learningRate,
      beta1: adamBeta1,
      beta2: adamBeta2,
      epsilon: EPSILON,
      step: ++this.#step,
      gradientScale: Math.min(1, maxGradNorm / (norm + 1e-6)),
    };
    this.#forgetPrevious();
    const [vectors, matrices] = partition([...this.variables], ([, { rank }]) => rank < 2);
    this.#updateThose(matrices, gradients, { ...options, weightDecay });
    this.#updateThose(vectors, gradients, { ...options, weightDecay: 0 });
  }

  #updateThose(named: readonly [string, tf.Variable][], gradients: Gradients, options: AdamWOptions): void {
    if (named.length === 0) return;
    const states = named.map(([name]) => this.#stateOf(name));
    const updated = adamw(
      named.map(([, variable]) => variable),
      named.map(([name]) => gradients.get(name) as tf.Tensor),
      states,
      options,
    );
    for (const [i, [name, variable]] of named.entries()) {
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

/** Those for which `isFirst` holds, and the others. */
function partition<T>(items: readonly T[], isFirst: (item: T) => boolean): [T[], T[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}
