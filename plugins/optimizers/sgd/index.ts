/** Stochastic gradient descent with momentum, as torch.optim.SGD computes it. */

import {
  definePlugin,
  type Gradients,
  type Optimizer,
  type OptimizerRequest,
  type SavedState,
  tf,
  type UpdateOptions,
  z,
} from '../../../core/index.js';
import { decayOf, KeptTensors } from '../kit/index.js';

export default definePlugin({
  name: 'sgd',
  apiVersion: 2,
  family: 'optimizers',
  schema: z.strictObject({
    /** How much of the running sum of gradients each step keeps. */
    momentum: z.number().min(0).lt(1).default(0),
  }),
  apply(trainer, { momentum }) {
    trainer.hooks.makeOptimizer.tap((request) => new Sgd(request, momentum));
  },
});

/** `v ← momentum · v + g + decay · w`, `w ← w − lr · v`. */
class Sgd implements Optimizer {
  readonly #kept: KeptTensors;

  constructor(
    private readonly request: OptimizerRequest,
    private readonly momentum: number,
  ) {
    this.#kept = new KeptTensors(request.variables, momentum > 0 ? ['velocity'] : []);
  }

  update(gradients: Gradients, { learningRate, gradientScale }: UpdateOptions): void {
    for (const [name, variable] of this.request.variables) {
      const [value, velocity] = tf.tidy(() => {
        const scaled = tf.mul(gradients.get(name) as tf.Tensor, gradientScale);
        const step = tf.add(scaled, tf.mul(variable, decayOf(variable, this.request)));
        const sum =
          this.momentum > 0 ? tf.add(tf.mul(this.#kept.get('velocity', name), this.momentum), step) : step;
        return [tf.sub(variable, tf.mul(sum, learningRate)), sum];
      });
      variable.assign(value);
      if (this.momentum > 0) this.#kept.set('velocity', name, velocity);
      else velocity.dispose();
      value.dispose();
    }
  }

  state(): SavedState {
    return this.#kept.state();
  }

  restore(state: SavedState): void {
    this.#kept.restore(state);
  }

  dispose(): void {
    this.#kept.dispose();
  }
}
