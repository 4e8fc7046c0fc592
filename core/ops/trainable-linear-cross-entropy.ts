import { tf } from '../base/tf.js';
import { checkLabels, crossEntropy, type TellLosses, toldLosses } from './cross-entropy.js';
import { dispatchAll } from './dispatch.js';

declare module './kernels.js' {
  interface Kernels {
    TrainableLinearCrossEntropy: {
      inputs: { x: tf.Tensor2D; weight: tf.Tensor2D };
      attrs: { labels: Int32Array; training: boolean };
    };
  }
}

/**
 * The same as `linearCrossEntropy` for an output layer that is trained: the summed cross-entropy of `x Wᵀ`, with gradients for
 * both. Kernel: `TrainableLinearCrossEntropy`.
 *
 * @param x `[tokens, hidden]`
 * @param weight `[vocabulary, hidden]`
 * @param labels `[tokens]`, each within the vocabulary
 * @param tell is told the cross-entropy of each token: a kernel's last output
 * @returns a scalar, in nats
 * @throws RangeError if a label is outside the vocabulary, or shapes do not fit
 */
export function trainableLinearCrossEntropy(
  x: tf.Tensor2D,
  weight: tf.Tensor2D,
  labels: Int32Array,
  training: boolean,
  tell?: TellLosses,
): tf.Scalar {
  const [vocabulary, hidden] = weight.shape;
  if (x.shape[0] !== labels.length || x.shape[1] !== hidden) {
    throw new RangeError(
      `trainableLinearCrossEntropy: x [${x.shape}] does not fit ${labels.length} labels and a weight [${weight.shape}]`,
    );
  }
  checkLabels('trainableLinearCrossEntropy', labels, vocabulary);
  const outputs = dispatchAll('TrainableLinearCrossEntropy', { x, weight }, { labels, training }, () => [
    crossEntropy(tf.matMul(x, weight, false, true), labels, tell),
  ]);
  return toldLosses(outputs, tell);
}
