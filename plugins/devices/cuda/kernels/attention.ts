import type { AttentionOptions, tf } from '../../../../core/index.js';
import { F32 } from '../backend.js';
import type { Argument } from '../driver.js';
import { computeType } from '../weights.js';
import { allTyped, type Cuda, gradient, kernel, tensorOf, typed } from './kit.js';

/** The kernels hold a row of at most so many numbers. */
const MOST_HEAD_DIM = 256;

export function registerAttention(cuda: Cuda): void {
  const { backend } = cuda;
  const { driver } = backend;
  const typeOf = ({ precisionOf }: AttentionOptions) =>
    precisionOf && computeType(precisionOf) === F32 ? F32 : cuda.between;

  /** Calls `use` with how rows are shared out among blocks, and with what every kernel of attention takes last. */
  const withSequences = (
    q: tf.TensorInfo,
    k: tf.TensorInfo,
    { offsets, prefixes, slopes, scale }: AttentionOptions,
    use: (tiles: number, threads: number, last: Argument[]) => void,
  ) => {
    const [, heads, headDim] = q.shape;
    checkHeadDim(headDim);
    const rows = headDim <= 128 ? 8 : 4;
    const tiles = tilesOf(offsets, rows);
    backend.withArrays([tiles, offsets, prefixes, slopes], (layout) =>
      use(tiles.length / 2, 32 * rows, [...layout, heads, k.shape[1], headDim, scale]),
    );
  };

  kernel('Attention', ({ q, k, v }, options) => {
    const [tokens, heads] = q.shape;
    const y = backend.output(q.shape, typeOf(options));
    const logSums = backend.output([heads, tokens]);
    const arrays = [q, k, v].map((x) => backend.arrayOf(x));
    withSequences(q, k, options, (tiles, threads, last) => {
      const attention = driver.kernel('attention');
      const outputs = [...typed(y.array), logSums.array.pointer];
      attention.launch([tiles, heads], threads, ...allTyped(...arrays), ...outputs, tokens, ...last);
    });
    return [y.info, logSums.info];
  });
  gradient('Attention', { inputs: ['q', 'k', 'v'], outputs: [true, true] }, ([dy], saved, options) => {
    const [q, k, v, y, logSums] = saved;
    const [tokens, heads, headDim] = q.shape;
    const type = typeOf(options);
    const [dq, dk, dv] = [q, k, v].map(({ shape }) => backend.output(shape, type));
    const inputs = allTyped(...[q, k, v, dy].map((x) => backend.arrayOf(x)));
    backend.withWorkspace(heads * tokens * 4, (deltas) => {
      const pair = allTyped(backend.arrayOf(y), backend.arrayOf(dy));
      const attentionDeltas = driver.kernel('attentionDeltas');
      attentionDeltas.launch([Math.ceil((tokens * heads) / 8)], 256, ...pair, deltas, tokens, heads, headDim);
      const statistics = [backend.float32Of(logSums).pointer, deltas];
      withSequences(q, k, options, (tiles, threads, last) => {
        const ofQueries = driver.kernel('attentionQueryGradient');
        const target = typed(dq.array);
        ofQueries.launch([tiles, heads], threads, ...inputs, ...statistics, ...target, tokens, ...last);
        const ofKeys = driver.kernel('attentionKeyGradient');
        const targets = [dk.array.pointer, ...typed(dv.array)];
        ofKeys.launch([tiles, k.shape[1]], threads, ...inputs, ...statistics, ...targets, tokens, ...last);
      });
    });
    const [byQ, byK, byV] = [dq, dk, dv].map(({ info }) => tensorOf(info));
    return { q: () => byQ, k: () => byK, v: () => byV };
  });
}

/** @throws RangeError if the kernels cannot hold a row */
export function checkHeadDim(headDim: number): void {
  if (headDim <= MOST_HEAD_DIM) return;
  throw new RangeError(
    `the cuda device has attention for heads of at most ${MOST_HEAD_DIM} numbers, not ${headDim}`,
  );
}

/** `[tiles, 2]`: for each block the sequence of its rows, and its first row within it. */
function tilesOf(offsets: Int32Array, rows: number): Int32Array {
  const tiles: number[] = [];
  for (let sequence = 0; sequence + 1 < offsets.length; sequence++) {
    const length = offsets[sequence + 1] - offsets[sequence];
    for (let row = 0; row < length; row += rows) tiles.push(sequence, row);
  }
  return Int32Array.from(tiles);
}
