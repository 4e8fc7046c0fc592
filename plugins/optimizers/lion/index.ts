/** Lion (arXiv 2302.06675): steps of one size, by the sign of a running mean. It wants about a tenth of AdamW's rate. */

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

const share = z.number().min(0).lt(1);
const schema = z.strictObject({
  /** The mean's share in the direction of a step. */
  beta1: share.default(0.9),
  /** How much of the mean each step keeps. */
  beta2: share.default(0.99),
});

export default definePlugin({
  name: 'lion',
  apiVersion: 2,
  family: 'optimizers',
  schema,
  apply(trainer, options) {
    trainer.hooks.makeOptimizer.tap((request) => new Lion(request, options));
  },
});

/** `w ← w (1 − lr · decay) − lr · sign(β1 m + (1 − β1) g)`, then `m ← β2 m + (1 − β2) g`. */
class Lion implements Optimizer {
  readonly #kept: KeptTensors;

  constructor(
    private readonly request: OptimizerRequest,
    private readonly options: z.output<typeof schema>,
  ) {
    this.#kept = new KeptTensors(request.variables, ['mean']);
  }

  update(gradients: Gradients, { learningRate, gradientScale }: UpdateOptions): void {
    const { beta1, beta2 } = this.options;
    for (const [name, variable] of this.request.variables) {
      const [value, mean] = tf.tidy(() => {
        const g = tf.mul(gradients.get(name) as tf.Tensor, gradientScale);
        const m = this.#kept.get('mean', name);
        const blend = (beta: number) => tf.add(tf.mul(m, beta), tf.mul(g, 1 - beta));
        const decayed = tf.mul(variable, 1 - learningRate * decayOf(variable, this.request));
        return [tf.sub(decayed, tf.mul(tf.sign(blend(beta1)), learningRate)), blend(beta2)];
      });
      variable.assign(value);
      this.#kept.set('mean', name, mean);
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
