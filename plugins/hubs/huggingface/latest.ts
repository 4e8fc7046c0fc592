import { EvolveError } from '../../../core/index.js';
import type { Head, Hub } from './hub.js';

/**
 * What a revision is now, as the hub says. Undefined where the hub cannot be reached and the cache has all that is needed, which
 * is told; without a cache that is an error.
 */
export async function latestHead(
  hub: Hub,
  isCached: boolean,
  notice: (message: string) => void,
): Promise<Head | undefined> {
  if (!isCached) return hub.head();
  try {
    return await hub.head(1);
  } catch (error) {
    if (!(error instanceof EvolveError && error.code === 'HUB_UNREACHABLE')) throw error;
    notice(`${error.message}; the cache has it (with HF_HUB_OFFLINE=1 the hub is not asked)`);
    return undefined;
  }
}
