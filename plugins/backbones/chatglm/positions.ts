import type { Batch } from '../../../core/index.js';
import type { MarkerIds } from './config.js';

/** Where the tokens of a batch stand, and how much of each sequence is its context. */
export interface PrefixPositions {
  /** `[tokens]`: within the context 0, 1, 2 …; of all that follows, the place of the mask that it fills. */
  readonly positions: Int32Array;
  /** `[tokens]`: within the context 0; from `<sop>` on 1, 2, 3 … */
  readonly blockPositions: Int32Array;
  /** `[sequences]`: the tokens before `<sop>`. */
  readonly prefixes: Int32Array;
}

/**
 * The positions of ChatGLM-6B: each sequence is a context that ends in a mask, `<sop>`, and what fills the mask. Where
 * a sequence has both, `[gMASK]` counts and not `[MASK]`, as in the model's later revisions.
 *
 * @throws RangeError if a sequence has no `<sop>`, or no mask before it
 */
export function prefixPositions({ inputIds, offsets }: Batch, markers: MarkerIds): PrefixPositions {
  const positions = new Int32Array(inputIds.length);
  const blockPositions = new Int32Array(inputIds.length);
  const prefixes = new Int32Array(offsets.length - 1);
  for (let s = 0; s < prefixes.length; s++) {
    const [from, to] = offsets.subarray(s, s + 2);
    const ids = inputIds.subarray(from, to);
    const context = ids.indexOf(markers.start);
    const gmask = ids.indexOf(markers.gmask);
    const mask = gmask >= 0 ? gmask : ids.indexOf(markers.mask);
    if (mask < 0 || mask >= context) {
      throw new RangeError(
        `sequence ${s} of ${ids.length} tokens has no [gMASK] (${markers.gmask}) before a <sop> (${markers.start})`,
      );
    }
    for (let at = 0; at < ids.length; at++) {
      const isContext = at < context;
      positions[from + at] = isContext ? at : mask;
      blockPositions[from + at] = isContext ? 0 : at - context + 1;
    }
    prefixes[s] = context;
  }
  return { positions, blockPositions, prefixes };
}
