import { tf } from '../base/tf.js';
import { checkLabels } from './cross-entropy.js';
import { dispatch } from './dispatch.js';

declare module './kernels.js' {
  interface Kernels {
    LogProbabilities: { inputs: { logits: tf.Tensor2D }; attrs: { labels: Int32Array } };
  }
}

/**
 * The log-probability of each label, `logits[label] − logsumexp(logits)`, in nats. Its gradient,
 * `dy (onehot − softmax)`, is computed directly. Kernel: `LogProbabilities`.
 *
 * @param logits `[tokens, vocabulary]`
 * @param labels `[tokens]`, each within the vocabulary
 * @returns `[tokens]`
 * @throws RangeError if there are not as many labels as rows of logits, or one is outside the vocabulary
 */
export function logProbabilities(logits: tf.Tensor2D, labels: Int32Array): tf.Tensor1D {
  const [tokens, vocabulary] = logits.shape;
  if (tokens !== labels.length) {
    throw new RangeError(`logProbabilities: logits [${logits.shape}] do not fit ${labels.length} labels`);
  }
  checkLabels('logProbabilities', labels, vocabulary);
  return dispatch('LogProbabilities', { logits }, { labels }, () => {
    const at = labels.map((label, token) => token * vocabulary + label);
    const oneHot = () => tf.oneHot(tf.tensor1d(labels, 'int32'), vocabulary).toFloat();
    return tf.customGrad((input, save) => {
      const all = tf.logSoftmax(input as tf.Tensor2D);
      (save as tf.GradSaveFunc)([all]);
      return {
        value: tf.gather(tf.reshape(all, [-1]), tf.tensor1d(at, 'int32')),
        gradFunc: (dy: tf.Tensor, [saved]: tf.Tensor[]) =>
          tf.mul(tf.expandDims(dy, 1), tf.sub(oneHot(), tf.exp(saved))),
      };
    })(logits) as tf.Tensor1D;
  });
}
