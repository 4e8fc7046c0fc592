import { type FrozenWeight, tf } from '../../../../core/index.js';
import { computeOf } from '../weights.js';
import { gradient, kernel, type Native } from './kit.js';

/** How much memory the logits may take: those of a few hundred tokens. */
const PIECE_BYTES = 64 * 2 ** 20;

interface LossAttrs {
  readonly weight: FrozenWeight;
  readonly bias: tf.Tensor | null;
  readonly labels: Int32Array;
  readonly training: boolean;
}

/** The output layer and the cross-entropy. The gradient is computed with the loss, which it is a multiple of. */
export function registerLoss({ backend, weights }: Native): void {
  kernel<LossAttrs>('LinearCrossEntropy', ({ x }, { weight, bias, labels, training }) => {
    const dx = backend.output(training ? x.shape : [0]);
    const loss = backend.addon.linearCrossEntropy(
      backend.floats(x),
      labels.length,
      weights.of(weight),
      computeOf(weight),
      bias && backend.floats(bias),
      labels,
      training ? dx.values : null,
      null,
      PIECE_BYTES,
    );
    return [backend.makeTensorInfo([], 'float32', Float32Array.of(loss)), dx.info];
  });
  gradient<LossAttrs>('LinearCrossEntropy', { outputs: [false, true] }, ([dy], [dx], { training }) => {
    if (!training) throw new Error('LinearCrossEntropy was computed without training, so it has no gradient');
    return { x: () => tf.mul(dx, dy) };
  });
}
