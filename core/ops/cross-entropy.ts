import { tf } from '../base/tf.js';
import { dispatch } from './dispatch.js';

declare module './kernels.js' {
  interface Kernels {
    CrossEntropy: { inputs: { logits: tf.Tensor2D }; attrs: { labels: Int32Array } };
  }
}

/**
 * The cross-entropy of next-token predictions, summed: `Σ logsumexp(logits) − logits[label]`, in nats. Its
 * gradient, `softmax − onehot`, is computed directly. Kernel: `CrossEntropy`.
 *
 * @param logits `[tokens, vocabulary]`
 * @param labels `[tokens]`, each within the vocabulary
 * @returns a scalar
 * @throws RangeError if a label is outside the vocabulary
 */
export function crossEntropy(logits: tf.Tensor2D, labels: Int32Array): tf.Scalar {
  const vocabulary = logits.shape[1];
  checkLabels('crossEntropy', labels, vocabulary);
  return dispatch('CrossEntropy', { logits }, { labels }, () => {
    const oneHot = () => tf.oneHot(tf.tensor1d(labels, 'int32'), vocabulary).toFloat();
    return tf.customGrad((input, save) => {
      const logProbabilities = tf.logSoftmax(input as tf.Tensor2D);
      (save as tf.GradSaveFunc)([logProbabilities]);
      return {
        value: tf.neg(tf.sum(tf.mul(logProbabilities, oneHot()))) as tf.Scalar,
        gradFunc: (dy: tf.Tensor, [saved]: tf.Tensor[]) => tf.mul(dy, tf.sub(tf.exp(saved), oneHot())),
      };
    })(logits) as tf.Scalar;
  });
}

/** @throws RangeError, in the name of an op, if a label is outside the vocabulary */
export function checkLabels(op: string, labels: Int32Array, vocabulary: number): void {
  const outside = labels.find((label) => label < 0 || label >= vocabulary);
  if (outside === undefined) return;
  throw new RangeError(`${op}: label ${outside} is outside the vocabulary of ${vocabulary}`);
}
