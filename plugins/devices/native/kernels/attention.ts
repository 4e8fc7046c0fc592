import {
  type AttentionOptions,
  BLOCK_TOKENS,
  PagedLayer,
  SLAB_BLOCKS,
  type tf,
} from '../../../../core/index.js';
import type { AttentionShape } from '../addon.js';
import { computeOf } from '../placed-weights.js';
import { gradient, kernel, type Native, tensorOf } from './kit.js';

export function registerAttention({ backend }: Native): void {
  const { addon } = backend;

  const shapeOf = (q: tf.TensorInfo, k: tf.TensorInfo, options: AttentionOptions): AttentionShape => {
    const [tokens, heads, headDim] = q.shape;
    const { scale, offsets, prefixes = null, slopes = null, precisionOf } = options;
    const compute = precisionOf ? computeOf(precisionOf) : 0;
    return [tokens, heads, k.shape[1], headDim, scale, compute, offsets, prefixes, slopes];
  };

  kernel('Attention', ({ q, k, v }, options) => {
    const y = backend.output(q.shape);
    const logSums = backend.output([q.shape[1], q.shape[0]]);
    const [queries, keys, values] = [q, k, v].map((x) => backend.floats(x));
    const sequences = options.offsets.length - 1;
    addon.attention(queries, keys, values, y.values, logSums.values, sequences, ...shapeOf(q, k, options));
    return [y.info, logSums.info];
  });
  gradient('Attention', { inputs: ['q', 'k', 'v'], outputs: [true, true] }, ([dy], saved, options) => {
    const [q, k, v] = saved;
    const gradients = [q, k, v].map((x) => backend.output(x.shape));
    const [dq, dk, dv] = gradients.map(({ values }) => values);
    const [queries, keys, values, y, logSums] = saved.map((x) => backend.floats(x));
    const sequences = options.offsets.length - 1;
    addon.attentionGradient(
      queries,
      keys,
      values,
      y,
      backend.floats(dy),
      logSums,
      dq,
      dk,
      dv,
      sequences,
      ...shapeOf(q, k, options),
    );
    const [byQ, byK, byV] = gradients.map(({ info }) => tensorOf(info));
    return { q: () => byQ, k: () => byK, v: () => byV };
  });

  kernel('CachedAttention', ({ q, k, v }, options) => {
    const { cache, offsets } = options;
    if (!(cache instanceof PagedLayer))
      throw new TypeError('the native device takes the cache PagedCache alone');
    const { pasts, blocks, starts } = cache;
    const [, kvHeads, headDim] = k.shape;
    const [queries, keys, values] = [q, k, v].map((x) => backend.floats(x));
    const shape = shapeOf(q, k, options);
    const sequences = offsets.length - 1;
    const y = backend.output(q.shape);
    // New sequences attend to themselves alone: then many queries meet many keys, which is the other kernel's.
    const areNew = pasts.every((past) => past === 0);
    addon.cachedAttention(
      queries,
      keys,
      values,
      areNew ? null : y.values,
      pasts,
      blocks,
      starts,
      cache.slabs(kvHeads, headDim),
      SLAB_BLOCKS,
      BLOCK_TOKENS,
      sequences,
      ...shape,
    );
    if (!areNew) return y.info;
    const logSums = backend.output([q.shape[1], q.shape[0]]);
    addon.attention(queries, keys, values, y.values, logSums.values, sequences, ...shape);
    return [y.info, logSums.info];
  });
}
