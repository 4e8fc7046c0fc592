import { type KernelAttrs, tf } from '../../../../core/index.js';
import type { Pointer } from '../addon.js';
import { BF16, type DeviceArray, F32, type FloatType } from '../backend.js';
import { computeType } from '../weights.js';
import { type Cuda, gradient, kernel, tensorOf, typed } from './kit.js';
import { multiply, withDense } from './products.js';

/** How much memory the logits may take. */
const PIECE_BYTES = 256 * 2 ** 20;

/** The matrix of the output layer `[vocabulary, hidden]`, and where its gradient goes. */
interface OutputLayer {
  readonly dense: Pick<DeviceArray, 'pointer' | 'type'>;
  readonly vocabulary: number;
  readonly compute: FloatType;
  readonly bias: number | null;
  readonly dw?: DeviceArray | undefined;
}

/**
 * The log-probabilities of labels, and the output layer with the cross-entropy, whose gradients are computed with the loss: they
 * are multiples of it. The logits of a few hundred tokens are there at a time, in fp32.
 */
export function registerLoss(cuda: Cuda): void {
  const { backend, weights } = cuda;
  const { driver } = backend;

  const compute = (
    x: tf.TensorInfo,
    { labels, training }: KernelAttrs<'TrainableLinearCrossEntropy'>,
    { dense, vocabulary, compute, bias, dw }: OutputLayer,
  ): [loss: tf.TensorInfo, dx: tf.TensorInfo, losses: tf.TensorInfo] => {
    const [tokens, hidden] = x.shape;
    const input = backend.arrayOf(x);
    const width = input.type === BF16 ? 2 : 4;
    const dx = backend.output(training ? x.shape : [0]);
    const loss = backend.output([]);
    const each = backend.output([tokens]);
    const losses = each.array.pointer;
    // The gradient takes the logits' place, or where products read bf16 half as much beside them.
    const bytes = compute === F32 ? 4 : 6;
    const piece = Math.min(tokens, Math.max(1, Math.floor(PIECE_BYTES / vocabulary / bytes)));
    const ids = backend.constant(labels) as Pointer;
    backend.withWorkspace(piece * vocabulary * bytes, (pointer) => {
      const logits = { pointer, type: F32 } as const;
      const dlogits =
        compute === F32 ? logits : ({ pointer: pointer + piece * vocabulary * 4, type: BF16 } as const);
      for (let at = 0; at < tokens; at += piece) {
        const m = Math.min(piece, tokens - at);
        const rows = { pointer: input.pointer + at * hidden * width, type: input.type };
        const shape = { m, n: vocabulary, k: hidden };
        multiply(cuda, { array: rows }, { array: dense }, logits, shape, { compute, bias });
        const crossEntropy = driver.kernel('crossEntropy');
        const perRow = [ids + at * 4, losses + at * 4, training ? dlogits.pointer : null, dlogits.type];
        crossEntropy.overRows(m, vocabulary, pointer, vocabulary, ...perRow);
        if (!training) continue;
        const target = { pointer: dx.array.pointer + at * hidden * 4, type: F32 } as const;
        const back = { m, n: hidden, k: vocabulary };
        const right = { array: dense, isTransposed: true };
        multiply(cuda, { array: dlogits }, right, target, back, { compute });
        if (!dw) continue;
        const options = { compute, adding: at > 0 };
        const left = { array: dlogits, isTransposed: true };
        const ofWeight = { m: vocabulary, n: hidden, k: m };
        multiply(cuda, left, { array: rows, isTransposed: true }, dw, ofWeight, options);
      }
      driver.kernel('sum').launch([1], 256, losses, tokens, loss.array.pointer);
    });
    return [loss.info, dx.info, each.info];
  };

  kernel('LinearCrossEntropy', ({ x }, attrs) => {
    const { weight, bias } = attrs;
    const arithmetic = computeType(weight);
    const offsets = bias && backend.float32Of(bias).pointer;
    return withDense(backend, weights.of(weight), arithmetic, (dense) =>
      compute(x, attrs, { dense, vocabulary: weight.shape[0], compute: arithmetic, bias: offsets }),
    );
  });
  gradient('LinearCrossEntropy', { outputs: [false, true] }, ([dy], [dx], { training }) => {
    requireTraining('LinearCrossEntropy', training);
    return { x: () => tf.mul(dx, dy) };
  });

  kernel('TrainableLinearCrossEntropy', ({ x, weight }, attrs) => {
    const dw = backend.output(attrs.training ? weight.shape : [0]);
    const layer: OutputLayer = {
      dense: backend.arrayOf(weight),
      vocabulary: weight.shape[0],
      compute: F32,
      bias: null,
      dw: attrs.training ? dw.array : undefined,
    };
    const [loss, dx, losses] = compute(x, attrs, layer);
    return [loss, dx, dw.info, losses];
  });
  const saves = { outputs: [false, true, true] };
  gradient('TrainableLinearCrossEntropy', saves, ([dy], [dx, dw], { training }) => {
    requireTraining('TrainableLinearCrossEntropy', training);
    return { x: () => tf.mul(dx, dy), weight: () => tf.mul(dw, dy) };
  });

  kernel('LogProbabilities', ({ logits }, { labels }) => {
    const [tokens, vocabulary] = logits.shape;
    const [y, logSums] = [backend.output([tokens]), backend.output([tokens])];
    const array = typed(backend.arrayOf(logits));
    const results = [y, logSums].map(({ array: { pointer } }) => pointer);
    backend.withArray(labels, (ids) =>
      driver.kernel('logProbabilities').overRows(tokens, vocabulary, ...array, vocabulary, ids, ...results),
    );
    return [y.info, logSums.info];
  });
  const forGradient = { inputs: ['logits'], outputs: [false, true] } as const;
  gradient('LogProbabilities', forGradient, ([dy], [logits, logSums], { labels }) => ({
    logits: () => {
      const [tokens, vocabulary] = logits.shape;
      const dlogits = backend.output(logits.shape);
      const array = typed(backend.arrayOf(logits));
      const [sums, d] = [logSums, dy].map((info) => backend.float32Of(info).pointer);
      backend.withArray(labels, (ids) => {
        const kernelOf = driver.kernel('logProbabilitiesGradient');
        kernelOf.overRows(tokens, vocabulary, ...array, vocabulary, ids, sums, d, dlogits.array.pointer);
      });
      return tensorOf(dlogits.info);
    },
  }));
}

function requireTraining(name: string, training: boolean): void {
  if (!training) throw new Error(`${name} was computed without training, so it has no gradient`);
}
