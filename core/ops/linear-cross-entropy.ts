import type { tf } from '../base/tf.js';
import { checkLabels, crossEntropy, type TellLosses, toldLosses } from './cross-entropy.js';
import { dispatchAll } from './dispatch.js';
import type { FrozenWeight } from './frozen-weight.js';
import { linear } from './linear.js';

declare module './kernels.js' {
  interface Kernels {
    LinearCrossEntropy: {
      inputs: { x: tf.Tensor2D };
      attrs: { weight: FrozenWeight; bias: tf.Tensor1D | null; labels: Int32Array; training: boolean };
    };
  }
}

/**
 * The output layer and the loss in one: the summed cross-entropy of `x Wᵀ + b`. A kernel never needs to hold the logits of all
 * tokens, `[tokens, vocabulary]`. With `training`, which says that the gradient will be asked for, it can compute the gradient
 * in the same pass. Kernel: `LinearCrossEntropy`.
 *
 * @param x `[tokens, hidden]`
 * @param weight `[vocabulary, hidden]`
 * @param bias `[vocabulary]` or null
 * @param labels `[tokens]`, each within the vocabulary
 * @param tell is told the cross-entropy of each token: a kernel's last output
 * @returns a scalar, in nats
 * @throws RangeError if a label is outside the vocabulary, or shapes do not fit
 */
export function linearCrossEntropy(
  x: tf.Tensor2D,
  weight: FrozenWeight,
  bias: tf.Tensor1D | null,
  labels: Int32Array,
  training: boolean,
  tell?: TellLosses,
): tf.Scalar {
  const [vocabulary, hidden] = weight.shape;
  if (x.shape[0] !== labels.length || x.shape[1] !== hidden) {
    throw new RangeError(
      `linearCrossEntropy: x [${x.shape}] does not fit ${labels.length} labels and a weight [${weight.shape}]`,
    );
  }
  checkLabels('linearCrossEntropy', labels, vocabulary);
  const outputs = dispatchAll('LinearCrossEntropy', { x }, { weight, bias, labels, training }, () => [
    crossEntropy(linear(x, weight, bias), labels, tell),
  ]);
  return toldLosses(outputs, tell);
}
