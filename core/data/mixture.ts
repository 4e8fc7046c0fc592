/** Which rows a pass through the data has: all of them, some several times, or shares of sources by their weights. */

import { deriveSeed, Random } from '../base/random.js';

/** How a source takes part. */
export interface Share {
  /** Its part of a pass, relative to those of the others; undefined if none of them has a weight. */
  readonly weight?: number | undefined;
  /** How often each of its rows comes in a pass. */
  readonly repeat: number;
}

/** The rows that are trained on, by the entries of `data.sources` that they are from. */
export interface MixtureParts {
  readonly rowsOf: readonly Int32Array[];
  readonly shares: readonly Share[];
  /** With weights: a pass ends when the first source is used up, or goes on until all are. */
  readonly stopping: 'first' | 'all';
  readonly seed: number;
}

/** How many rows of each entry a pass has. */
export function passSizes({ rowsOf, shares, stopping }: MixtureParts): number[] {
  const sizes = rowsOf.map((rows, i) => rows.length * shares[i].repeat);
  const weights = shares.map(({ weight }) => weight ?? 0);
  if (weights.every((weight) => weight === 0)) return sizes;
  const lengths = sizes.flatMap((size, i) => (size > 0 && weights[i] > 0 ? [size / weights[i]] : []));
  const scale = stopping === 'first' ? Math.min(...lengths) : Math.max(...lengths);
  return sizes.map((size, i) => (size > 0 ? Math.max(1, Math.round(weights[i] * scale)) : 0));
}

/**
 * The rows of pass `epoch` (from 0), by entries. An entry whose share is not a whole number of its rows goes on, in the next
 * pass, where it was: each row comes as often as the others, but for one time. The order is for `epochOrder` to make.
 */
export function passRows(parts: MixtureParts, epoch: number): Int32Array {
  const sizes = passSizes(parts);
  const rows = new Int32Array(sizes.reduce((sum, size) => sum + size, 0));
  let at = 0;
  for (const [entry, size] of sizes.entries()) {
    const all = parts.rowsOf[entry];
    const part = rows.subarray(at, at + size);
    if (size === all.length) part.set(all);
    else fill(part, all, epoch * size, deriveSeed(parts.seed, 'mixture', entry));
    at += size;
  }
  return rows;
}

/** Fills `part` from one random order of `all` after another, from place `start` of these on. */
function fill(part: Int32Array, all: Int32Array, start: number, seed: number): void {
  for (let filled = 0; filled < part.length; ) {
    const place = start + filled;
    const round = Math.floor(place / all.length);
    const order = new Random(deriveSeed(seed, 'round', round)).permutation(all.length);
    const from = place - round * all.length;
    const count = Math.min(all.length - from, part.length - filled);
    for (let i = 0; i < count; i++) part[filled + i] = all[order[from + i]];
    filled += count;
  }
}
