import * as tf from '@tensorflow/tfjs';

/** What AdamW keeps of a parameter: the running means of its gradient and of the gradient's square. */
export interface AdamWState {
  mean: tf.Tensor;
  square: tf.Tensor;
}

export interface AdamWOptions {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** Which update this is, from 1: corrects the bias of the running means. */
  readonly step: number;
  /** What gradients are multiplied with first: the clip. */
  readonly gradientScale: number;
}

/**
 * One AdamW update: weight decay apart from the gradient (`w ← w (1 − lr · decay)`), then
 * `w ← w − lr · m̂ / (sqrt(v̂) + epsilon)`. Source: arXiv 1711.05101, as torch.optim.AdamW computes it.
 *
 * @returns the parameter's new value and state; nothing is changed or disposed
 */
export function adamw(
  parameter: tf.Tensor,
  gradient: tf.Tensor,
  state: AdamWState,
  options: AdamWOptions,
): { value: tf.Tensor; state: AdamWState } {
  const { learningRate, beta1, beta2, epsilon, weightDecay, step, gradientScale } = options;
  const [value, mean, square] = tf.tidy(() => {
    const g = tf.mul(gradient, gradientScale);
    const m = tf.add(tf.mul(state.mean, beta1), tf.mul(g, 1 - beta1));
    const v = tf.add(tf.mul(state.square, beta2), tf.mul(tf.square(g), 1 - beta2));
    const denominator = tf.add(tf.div(tf.sqrt(v), Math.sqrt(1 - beta2 ** step)), epsilon);
    const update = tf.mul(tf.div(m, denominator), learningRate / (1 - beta1 ** step));
    const decayed = weightDecay === 0 ? parameter : tf.mul(parameter, 1 - learningRate * weightDecay);
    return [tf.sub(decayed, update), m, v];
  });
  return { value, state: { mean, square } };
}
