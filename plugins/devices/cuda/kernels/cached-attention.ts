import { CardLayer } from '../cache.js';
import { checkHeadDim } from './attention.js';
import { allTyped, type Cuda, kernel } from './kit.js';

/** Attention of new tokens to all that the cache holds, which gets their keys and values first. */
export function registerCachedAttention(cuda: Cuda): void {
  const { backend } = cuda;

  kernel('CachedAttention', ({ q, k, v }, { cache, prefixes, slopes, scale }) => {
    if (!(cache instanceof CardLayer)) throw new TypeError('the cuda device takes its own cache alone');
    const [tokens, heads, headDim] = q.shape;
    checkHeadDim(headDim);
    const y = backend.output(q.shape, cuda.between);
    const queries = backend.arrayOf(q);
    cache.append(k, v, cuda.between, (last) =>
      backend.withArrays([prefixes, slopes], (layout) => {
        const cachedAttention = backend.driver.kernel('cachedAttention');
        const arrays = allTyped(queries, y.array);
        cachedAttention.launch([tokens, heads], 256, ...arrays, ...layout, heads, scale, ...last);
      }),
    );
    return y.info;
  });
}
