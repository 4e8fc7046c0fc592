import { type FrozenWeight, type KernelAttrs, tf } from '../../../../core/index.js';
import { F32, type Handle, I32 } from '../binding.js';
import { gradient, kernel, type Tensorflow } from './kit.js';

/** `[vocabulary, hidden]` as the products take it. */
interface OutputLayer {
  readonly matrix: Handle;
  readonly scales?: Handle | undefined;
  readonly bias?: Handle | undefined;
  /** The gradient of the matrix is asked for too. */
  readonly trainable?: boolean;
}

/**
 * The log-probabilities of labels, and the output layer with the cross-entropy, whose gradients are computed with the loss: they
 * are multiples of it. The logits of a few hundred tokens are there at a time.
 */
export function registerLoss({ ops, weights, pieceBytes }: Tensorflow): void {
  /** For each row of `logits` the cross-entropy, and its gradient by the logits. */
  const crossEntropy = (logits: Handle, labels: Int32Array): Handle[] =>
    ops.call(
      'SparseSoftmaxCrossEntropyWithLogits',
      [logits, ops.integers(labels)],
      [ops.type('T', F32), ops.type('Tlabels', I32)],
      2,
    );

  const logitsOf = (rows: Handle, { matrix, scales, bias }: OutputLayer): Handle => {
    const input = ops.cast(rows, matrix.dtype);
    // On a CPU TensorFlow takes three times as long for a product that is much wider than high.
    const product = ops.onGpu
      ? ops.matMul(input, matrix, false, true)
      : ops.transpose(ops.matMul(matrix, input, false, true), [1, 0]);
    const logits = ops.cast(product, F32);
    const scaled = scales ? ops.mul(logits, scales) : logits;
    return bias ? ops.add(scaled, bias) : scaled;
  };

  /** Loss, dx, dW of a trainable layer, and the losses of the tokens. */
  const compute = (x: Handle, labels: Int32Array, training: boolean, layer: OutputLayer): Handle[] => {
    const { matrix, scales, trainable } = layer;
    const [vocabulary, hidden] = matrix.shape;
    const piece = Math.max(1, Math.floor(pieceBytes / vocabulary / 4));
    const losses: Handle[] = [];
    const parts: Handle[] = [];
    const dxs: Handle[] = [];
    let dw: Handle | undefined;
    for (let at = 0; at < labels.length; at += piece) {
      const found = ops.scope(() => {
        const rows = ops.rows(x, at, Math.min(piece, labels.length - at));
        const [each, dlogits] = crossEntropy(logitsOf(rows, layer), labels.subarray(at, at + piece));
        const loss = ops.reduce('Sum', each, [0]);
        if (!training) return [loss, each];
        const scaled = ops.cast(scales ? ops.mul(dlogits, scales) : dlogits, matrix.dtype);
        const dx = ops.cast(ops.matMul(scaled, matrix), F32);
        if (!trainable) return [loss, each, dx];
        const ofPiece = ops.matMul(dlogits, rows, true, false);
        return [loss, each, dx, dw ? ops.add(dw, ofPiece) : ofPiece];
      });
      losses.push(found[0]);
      parts.push(found[1]);
      if (training) dxs.push(found[2]);
      if (dw) ops.drop(dw);
      dw = found[3];
    }
    if (losses.length === 0) losses.push(ops.zeros([]));
    if (parts.length === 0) parts.push(ops.zeros([0]));
    if (dxs.length === 0) dxs.push(ops.zeros(training ? x.shape : [0]));
    const outputs = [ops.addAll(losses), ops.concat(dxs, 0)];
    const ofWeight = trainable ? [dw ?? ops.zeros(training ? [vocabulary, hidden] : [0])] : [];
    return [...outputs, ...ofWeight, ops.concat(parts, 0)];
  };

  kernel('LinearCrossEntropy', ({ x }, { weight, bias, labels, training }) =>
    ops.tensors(() => {
      const layer = { ...frozen(weight), bias: bias ? ops.of(bias) : undefined };
      return compute(ops.of(x), labels, training, layer);
    }),
  );
  const frozen = (weight: FrozenWeight): OutputLayer => {
    const placed = weights.of(weight);
    return { matrix: placed.matrix(weights.arithmetic(weight)), scales: placed.scales };
  };
  gradient('LinearCrossEntropy', { outputs: [false, true] }, ([dy], [dx], { training }) => {
    requireTraining('LinearCrossEntropy', training);
    return { x: () => tf.mul(dx, dy) };
  });

  kernel('TrainableLinearCrossEntropy', ({ x, weight }, { labels, training }) =>
    ops.tensors(() => compute(ops.of(x), labels, training, { matrix: ops.of(weight), trainable: true })),
  );
  const saves = { outputs: [false, true, true] };
  gradient('TrainableLinearCrossEntropy', saves, ([dy], [dx, dw], { training }) => {
    requireTraining('TrainableLinearCrossEntropy', training);
    return { x: () => tf.mul(dx, dy), weight: () => tf.mul(dw, dy) };
  });

  const eachOf = (logits: tf.TensorInfo, { labels }: KernelAttrs<'LogProbabilities'>) =>
    crossEntropy(ops.of(logits), labels);
  kernel('LogProbabilities', ({ logits }, attrs) =>
    ops.tensor(() => ops.elements('Neg', eachOf(logits, attrs)[0])),
  );
  const forGradient = { inputs: ['logits'], outputs: [false, true] } as const;
  gradient('LogProbabilities', forGradient, ([dy], [logits], attrs) => ({
    logits: () =>
      ops.tensor(() => {
        const factors = ops.elements('Neg', ops.reshape(ops.of(dy), [dy.size, 1]));
        return ops.mul(factors, eachOf(logits, attrs)[1]);
      }),
  }));
}

function requireTraining(name: string, training: boolean): void {
  if (!training) throw new Error(`${name} was computed without training, so it has no gradient`);
}
