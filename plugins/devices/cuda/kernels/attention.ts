import type { AttentionOptions, KernelInputs, tf } from '../../../../core/index.js';
import { F32 } from '../backend.js';
import { CardLayer } from '../cache.js';
import type { Argument } from '../driver.js';
import { computeType } from '../weights.js';
import { allTyped, type Cuda, gradient, kernel, tensorOf, typed } from './kit.js';

/** The kernels hold a row of at most so many numbers. */
const MOST_HEAD_DIM = 256;
/** Of the kernels on the tensor cores (src/kernels/tensor-attention.hpp): numbers of a row, rows and threads of a block. */
const TENSOR_WIDTHS = [64, 128];
const TENSOR_BLOCK = { rows: 64, threads: 128 };

export function registerAttention(cuda: Cuda): void {
  const { backend } = cuda;
  const { driver } = backend;
  const computeOf = ({ precisionOf }: AttentionOptions) => (precisionOf ? computeType(precisionOf) : F32);
  const typeOf = (options: AttentionOptions) => (computeOf(options) === F32 ? F32 : cuda.between);

  /** Calls `use` with a launch of a kernel that shares the rows out among blocks, and takes how it does last. */
  const withSequences = (
    q: tf.TensorInfo,
    k: tf.TensorInfo,
    options: AttentionOptions,
    use: (launch: (name: string, heads: number, args: readonly Argument[]) => void) => void,
  ) => {
    const [tokens, heads, headDim] = q.shape;
    checkHeadDim(headDim);
    const width = computeOf(options) === F32 ? undefined : TENSOR_WIDTHS.find((most) => headDim <= most);
    const plainRows = headDim <= 128 ? 8 : 4;
    const { rows, threads } = width ? TENSOR_BLOCK : { rows: plainRows, threads: 32 * plainRows };
    const { offsets, prefixes, slopes, scale } = options;
    const tiles = tilesOf(offsets, rows);
    const layout = [tiles, offsets, prefixes, slopes].map((array) => backend.constant(array));
    const last = [tokens, ...layout, heads, k.shape[1], headDim, scale];
    use((name, ofHeads, args) => {
      const launched = driver.kernel(width ? `${name}Bf16_${width}` : name);
      launched.launch([tiles.length / 2, ofHeads], threads, ...args, ...last);
    });
  };

  const forward = ({ q, k, v }: KernelInputs<'Attention'>, options: AttentionOptions) => {
    const [tokens, heads] = q.shape;
    const y = backend.output(q.shape, typeOf(options));
    const logSums = backend.output([heads, tokens]);
    const arrays = [q, k, v].map((x) => backend.arrayOf(x));
    const args = [...allTyped(...arrays), ...typed(y.array), logSums.array.pointer];
    withSequences(q, k, options, (launch) => launch('attention', heads, args));
    return [y.info, logSums.info];
  };

  kernel('Attention', forward);
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
      withSequences(q, k, options, (launch) => {
        launch('attentionQueryGradient', heads, [...inputs, ...statistics, ...typed(dq.array)]);
        const targets = [dk.array.pointer, ...typed(dv.array)];
        launch('attentionKeyGradient', k.shape[1], [...inputs, ...statistics, ...targets]);
      });
    });
    const [byQ, byK, byV] = [dq, dk, dv].map(({ info }) => tensorOf(info));
    return { q: () => byQ, k: () => byK, v: () => byV };
  });

  /** Attention of new tokens to all that the cache holds, which gets their keys and values first. */
  kernel('CachedAttention', ({ q, k, v }, options) => {
    const { cache, prefixes, slopes, scale } = options;
    if (!(cache instanceof CardLayer)) throw new TypeError('the cuda device takes its own cache alone');
    const [tokens, heads, headDim] = q.shape;
    checkHeadDim(headDim);
    if (cache.pasts.every((past) => past === 0)) {
      // Prompts: the new tokens see each other alone.
      cache.append(k, v, cuda.between, () => undefined);
      const [y, logSums] = forward({ q, k, v }, options);
      backend.disposeData(logSums.dataId);
      return y;
    }
    const y = backend.output(q.shape, cuda.between);
    const queries = backend.arrayOf(q);
    cache.append(k, v, cuda.between, (last) => {
      const layout = [prefixes, slopes].map((array) => backend.constant(array));
      const cachedAttention = driver.kernel('cachedAttention');
      cachedAttention.launch(
        [tokens, heads],
        256,
        ...allTyped(queries, y.array),
        ...layout,
        heads,
        scale,
        ...last,
      );
    });
    return y.info;
  });
}

/** @throws RangeError if the kernels cannot hold a row */
export function checkHeadDim(headDim: number): void {
  if (headDim <= MOST_HEAD_DIM) return;
  throw new RangeError(
    `the cuda device has attention for heads of at most ${MOST_HEAD_DIM} numbers, not ${headDim}`,
  );
}

const tilings = new WeakMap<Int32Array, Map<number, Int32Array>>();

/**
 * `[tiles, 2]`: for each block the sequence of its rows, and its first row within it. Made once for each `offsets`, which all
 * layers of a pass share.
 */
function tilesOf(offsets: Int32Array, rows: number): Int32Array {
  const known = tilings.get(offsets) ?? new Map<number, Int32Array>();
  tilings.set(offsets, known);
  let tiles = known.get(rows);
  if (!tiles) {
    const pairs: number[] = [];
    for (let sequence = 0; sequence + 1 < offsets.length; sequence++) {
      const length = offsets[sequence + 1] - offsets[sequence];
      for (let row = 0; row < length; row += rows) pairs.push(sequence, row);
    }
    tiles = Int32Array.from(pairs);
    known.set(rows, tiles);
  }
  return tiles;
}
