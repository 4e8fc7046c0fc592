import { type Optimizer, type OptimizerRequest, tf } from '../../../core/index.js';
import { KeptTensors } from './kept-tensors.js';

/** One variable as an update finds it. */
export interface Parameter<Kind extends string> {
  readonly value: tf.Tensor;
  /** Scaled already. */
  readonly gradient: tf.Tensor;
  /** What is kept of it. */
  readonly kept: Readonly<Record<Kind, tf.Tensor>>;
  readonly learningRate: number;
  /** 0 for vectors. */
  readonly weightDecay: number;
}

/** The weight decay of one variable: vectors (scales of norms, biases) have none, as in transformers' Trainer. */
export function decayOf(
  { rank }: tf.Variable,
  { weightDecay }: Pick<OptimizerRequest, 'weightDecay'>,
): number {
  return rank < 2 ? 0 : weightDecay;
}

/**
 * An optimizer that changes each variable by itself.
 *
 * @param kinds what is kept of a variable from one update to the next, zero at first
 * @param change what a variable becomes, and what is kept of it then; runs within a `tf.tidy`
 */
export function perVariable<Kind extends string>(
  request: OptimizerRequest,
  kinds: readonly Kind[],
  change: (parameter: Parameter<Kind>) => Record<'value' | Kind, tf.Tensor>,
): Optimizer {
  const all = new KeptTensors(request.variables, kinds);
  return {
    update(gradients, { learningRate, gradientScale }) {
      for (const [name, variable] of request.variables) {
        const kept = Object.fromEntries(kinds.map((kind) => [kind, all.get(kind, name)]));
        const { value, ...next } = tf.tidy(() =>
          change({
            value: variable,
            gradient: tf.mul(gradients.get(name) as tf.Tensor, gradientScale),
            kept: kept as Record<Kind, tf.Tensor>,
            learningRate,
            weightDecay: decayOf(variable, request),
          }),
        );
        variable.assign(value);
        value.dispose();
        for (const kind of kinds) all.set(kind, name, (next as Record<string, tf.Tensor>)[kind]);
      }
    },
    state: () => all.state(),
    restore: (state) => all.restore(state),
    dispose: () => all.dispose(),
  };
}
