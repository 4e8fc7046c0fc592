import { tf } from '../base/tf.js';
import { dispatchAll } from './dispatch.js';

declare module './kernels.js' {
  interface Kernels {
    CrossEntropy: { inputs: { logits: tf.Tensor2D }; attrs: { labels: Int32Array } };
  }
}

/** Is told the cross-entropy of each token, `[tokens]`, in nats, by itself. It disposes the tensor. */
export type TellLosses = (losses: tf.Tensor1D) => void;

/**
 * The cross-entropy of next-token predictions, summed: `Σ logsumexp(logits) − logits[label]`, in nats. Its
 * gradient, `softmax − onehot`, is computed directly. Kernel: `CrossEntropy`.
 *
 * @param logits `[tokens, vocabulary]`
 * @param labels `[tokens]`, each within the vocabulary
 * @param tell is told the parts of the sum
 * @returns a scalar
 * @throws RangeError if a label is outside the vocabulary
 */
export function crossEntropy(logits: tf.Tensor2D, labels: Int32Array, tell?: TellLosses): tf.Scalar {
  const vocabulary = logits.shape[1];
  checkLabels('crossEntropy', labels, vocabulary);
  const composed = () => {
    const oneHot = () => tf.oneHot(tf.tensor1d(labels, 'int32'), vocabulary).toFloat();
    return tf.customGrad((input, save) => {
      const logProbabilities = tf.logSoftmax(input as tf.Tensor2D);
      (save as tf.GradSaveFunc)([logProbabilities]);
      tell?.(tf.keep(tf.neg(tf.sum(tf.mul(logProbabilities, oneHot()), 1))));
      return {
        value: tf.neg(tf.sum(tf.mul(logProbabilities, oneHot()))) as tf.Scalar,
        gradFunc: (dy: tf.Tensor, [saved]: tf.Tensor[]) => tf.mul(dy, tf.sub(tf.exp(saved), oneHot())),
      };
    })(logits) as tf.Scalar;
  };
  return toldLosses(
    dispatchAll('CrossEntropy', { logits }, { labels }, () => [composed()]),
    tell,
  );
}

/** The loss, of a kernel's outputs. Where there are several, the last are the losses of the tokens. */
export function toldLosses(outputs: readonly tf.Tensor[], tell: TellLosses | undefined): tf.Scalar {
  const [loss, ...others] = outputs;
  const each = others.pop();
  if (each && tell) tell(tf.keep(each) as tf.Tensor1D);
  else each?.dispose();
  // A gradient that will need them has its own references.
  tf.dispose(others);
  return loss as tf.Scalar;
}

/** @throws RangeError, in the name of an op, if a label is outside the vocabulary */
export function checkLabels(op: string, labels: Int32Array, vocabulary: number): void {
  const outside = labels.find((label) => label < 0 || label >= vocabulary);
  if (outside === undefined) return;
  throw new RangeError(`${op}: label ${outside} is outside the vocabulary of ${vocabulary}`);
}
