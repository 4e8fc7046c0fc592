import {
  type AdamWOptions,
  adamw,
  type Gradients,
  type Optimizer,
  type OptimizerRequest,
  type SavedState,
  tf,
  type UpdateOptions,
} from '../../../core/index.js';
import { decayOf, KeptTensors } from '../kit/index.js';

export type AdamWSettings = Pick<AdamWOptions, 'beta1' | 'beta2' | 'epsilon'>;

/** AdamW over all variables: one call of the op (core/ops/adamw.ts) for matrices, which decay, and one for vectors. */
export class AdamW implements Optimizer {
  readonly #kept: KeptTensors;
  #step = 0;

  constructor(
    private readonly request: OptimizerRequest,
    private readonly settings: AdamWSettings,
  ) {
    this.#kept = new KeptTensors(request.variables, ['mean', 'square']);
  }

  update(gradients: Gradients, options: UpdateOptions): void {
    const common = { ...this.settings, ...options, step: ++this.#step };
    const variables = [...this.request.variables];
    for (const weightDecay of new Set([this.request.weightDecay, 0])) {
      const those = variables.filter(([, variable]) => decayOf(variable, this.request) === weightDecay);
      if (those.length > 0) this.#updateThose(those, gradients, { ...common, weightDecay });
    }
  }

  #updateThose(named: readonly [string, tf.Variable][], gradients: Gradients, options: AdamWOptions): void {
    const updated = adamw(
      named.map(([, variable]) => variable),
      named.map(([name]) => gradients.get(name) as tf.Tensor),
      named.map(([name]) => ({ mean: this.#kept.get('mean', name), square: this.#kept.get('square', name) })),
      options,
    );
    for (const [i, [name, variable]] of named.entries()) {
      variable.assign(updated.values[i]);
      this.#kept.set('mean', name, updated.states[i].mean);
      this.#kept.set('square', name, updated.states[i].square);
    }
    tf.dispose(updated.values);
  }

  state(): SavedState {
    return this.#kept.state({ step: this.#step });
  }

  restore(state: SavedState): void {
    this.#kept.restore(state, ['step']);
    this.#step = state.numbers.step;
  }

  dispose(): void {
    this.#kept.dispose();
  }
}
