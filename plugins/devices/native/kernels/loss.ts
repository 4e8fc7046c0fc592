import { type KernelAttrs, tf } from '../../../../core/index.js';
import type { WeightHandle } from '../addon.js';
import { computeOf } from '../placed-weights.js';
import { gradient, kernel, type Native, tensorOf } from './kit.js';

/** How much memory the logits may take: those of a few hundred tokens. */
const PIECE_BYTES = 64 * 2 ** 20;

/**
 * The log-probabilities of labels, and the output layer with the cross-entropy, whose gradients are computed with the
 * loss: they are multiples of it.
 */
export function registerLoss({ backend, weights }: Native): void {
  const { addon } = backend;

  /** The loss, in training the gradient by `x`, and the losses of the tokens; the gradient by the weight goes to `dw`. */
  const compute = (
    x: tf.TensorInfo,
    weight: WeightHandle,
    arithmetic: number,
    bias: tf.TensorInfo | null,
    { labels, training }: KernelAttrs<'TrainableLinearCrossEntropy'>,
    dw: Float32Array | null,
  ): [loss: tf.TensorInfo, dx: tf.TensorInfo, losses: tf.TensorInfo] => {
    const dx = backend.output(training ? x.shape : [0]);
    const losses = backend.output([labels.length]);
    const loss = addon.linearCrossEntropy(
      backend.floats(x),
      labels.length,
      weight,
      arithmetic,
      bias && backend.floats(bias),
      labels,
      training ? dx.values : null,
      dw,
      losses.values,
      PIECE_BYTES,
    );
    return [backend.makeTensorInfo([], 'float32', Float32Array.of(loss)), dx.info, losses.info];
  };

  kernel('LinearCrossEntropy', ({ x }, attrs) => {
    const { weight, bias } = attrs;
    return compute(x, weights.of(weight), computeOf(weight), bias, attrs, null);
  });
  gradient('LinearCrossEntropy', { outputs: [false, true] }, ([dy], [dx], { training }) => {
    requireTraining('LinearCrossEntropy', training);
    return { x: () => tf.mul(dx, dy) };
  });

  kernel('LogProbabilities', ({ logits }, { labels }) => {
    const [tokens, vocabulary] = logits.shape;
    const [y, logSums] = [backend.output([tokens]), backend.output([tokens])];
    addon.logProbabilities(backend.floats(logits), tokens, vocabulary, labels, y.values, logSums.values);
    return [y.info, logSums.info];
  });
  const forGradient = { inputs: ['logits'], outputs: [false, true] } as const;
  gradient('LogProbabilities', forGradient, ([dy], [logits, logSums], { labels }) => ({
    logits: () => {
      const [tokens, vocabulary] = logits.shape;
      const dlogits = backend.output(logits.shape);
      const [x, sums, d] = [logits, logSums, dy].map((tensor) => backend.floats(tensor));
      addon.logProbabilitiesGradient(x, sums, d, tokens, vocabulary, labels, dlogits.values);
      return tensorOf(dlogits.info);
    },
  }));

  kernel('TrainableLinearCrossEntropy', ({ x, weight }, attrs) => {
    const [rows, columns] = weight.shape;
    const numbers = backend.floats(weight);
    const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
    const handle = addon.makeWeight(0, rows, columns, bytes, null, null, null, null, 0);
    const dw = attrs.training ? backend.output(weight.shape) : backend.output([0]);
    const [loss, dx, losses] = compute(x, handle, 0, null, attrs, attrs.training ? dw.values : null);
    return [loss, dx, dw.info, losses];
  });
  const saves = { outputs: [false, true, true] };
  gradient('TrainableLinearCrossEntropy', saves, ([dy], [dx, dw], { training }) => {
    requireTraining('TrainableLinearCrossEntropy', training);
    return { x: () => tf.mul(dx, dy), weight: () => tf.mul(dw, dy) };
  });
}

function requireTraining(name: string, training: boolean): void {
  if (!training) throw new Error(`${name} was computed without training, so it has no gradient`);
}
