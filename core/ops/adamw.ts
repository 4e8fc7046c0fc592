import { tf } from '../base/tf.js';
import { dispatchAll, numbered } from './dispatch.js';

/** AdamW's state of a parameter: the running means of its gradient and of the gradient's square. */
export interface AdamWState {
  readonly mean: tf.Tensor;
  readonly square: tf.Tensor;
}

/** The options of one update of all parameters. */
export interface AdamWOptions {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** The number of this update, from 1. It corrects the bias of the running means. */
  readonly step: number;
  /** Gradients are multiplied by this first, to clip them. */
  readonly gradientScale: number;
}

declare module './kernels.js' {
  interface Kernels {
    /**
     * The inputs are `p0` …, `g0` …, `m0` …, `v0` …: parameters, gradients, means, squares. The outputs are, for each
     * parameter in turn, its new value, mean and square.
     */
    AdamW: { inputs: Record<`${'p' | 'g' | 'm' | 'v'}${number}`, tf.Tensor>; attrs: AdamWOptions };
  }
}

/**
 * One AdamW update of all parameters: weight decay apart from the gradient (`w ← w (1 − lr · decay)`), then
 * `w ← w − lr · m̂ / (sqrt(v̂) + epsilon)`. Source: arXiv 1711.05101, as torch.optim.AdamW computes it. Kernel:
 * `AdamW`.
 *
 * @returns the parameters' new values and states; nothing is changed or disposed
 * @throws RangeError if the lists are not of one length, or shapes do not fit
 */
export function adamw(
  parameters: readonly tf.Tensor[],
  gradients: readonly tf.Tensor[],
  states: readonly AdamWState[],
  options: AdamWOptions,
): { values: tf.Tensor[]; states: AdamWState[] } {
  const means = states.map((state) => state.mean);
  const squares = states.map((state) => state.square);
  for (const [what, tensors] of Object.entries({ gradients, means, squares })) {
    const shapes = (list: readonly tf.Tensor[]) => list.map(({ shape }) => `[${shape}]`).join(' ');
    if (shapes(tensors) === shapes(parameters)) continue;
    throw new RangeError(`adamw: ${what} ${shapes(tensors)} do not fit parameters ${shapes(parameters)}`);
  }
  const inputs = {
    ...numbered('p', parameters),
    ...numbered('g', gradients),
    ...numbered('m', means),
    ...numbered('v', squares),
  };
  const outputs = dispatchAll('AdamW', inputs, { ...options }, () =>
    parameters.flatMap((parameter, i) => updated(parameter, gradients[i], states[i], options)),
  );
  return {
    values: parameters.map((_, i) => outputs[3 * i]),
    states: parameters.map((_, i) => ({ mean: outputs[3 * i + 1], square: outputs[3 * i + 2] })),
  };
}

/** The new value, mean and square of one parameter. */
function updated(
  parameter: tf.Tensor,
  gradient: tf.Tensor,
  state: AdamWState,
  options: AdamWOptions,
): tf.Tensor[] {
  const { learningRate, beta1, beta2, epsilon, weightDecay, step, gradientScale } = options;
  return tf.tidy(() => {
    const g = tf.mul(gradient, gradientScale);
    const mean = tf.add(tf.mul(state.mean, beta1), tf.mul(g, 1 - beta1));
    const square = tf.add(tf.mul(state.square, beta2), tf.mul(tf.square(g), 1 - beta2));
    const denominator = tf.add(tf.div(tf.sqrt(square), Math.sqrt(1 - beta2 ** step)), epsilon);
    const change = tf.mul(tf.div(mean, denominator), learningRate / (1 - beta1 ** step));
    const decayed = weightDecay === 0 ? parameter : tf.mul(parameter, 1 - learningRate * weightDecay);
    return [tf.sub(decayed, change), mean, square];
  });
}
