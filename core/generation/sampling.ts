/** Chooses a token by its score: the likeliest, or one drawn from the likeliest. */

import type { Random } from '../base/random.js';
import type { GenerateOptions } from './options.js';
import { largest } from './processors.js';

type SamplingOptions = Pick<GenerateOptions, 'temperature' | 'topK' | 'topP'>;

/** Tokens that may be drawn. */
export interface Candidates {
  readonly ids: readonly number[];
  /** Scores divided by the temperature. */
  readonly scores: readonly number[];
}

/** The token with the highest score; among equals, the first. */
export function likeliest(scores: Float32Array): number {
  let best = 0;
  for (let id = 1; id < scores.length; id++) if (scores[id] > scores[best]) best = id;
  return best;
}

/** The next token from its processed scores: the likeliest at temperature 0, else a drawn one. */
export function pickToken(scores: Float32Array, options: SamplingOptions, random: Random): number {
  if (options.temperature === 0) return likeliest(scores);
  const candidates = narrow(scores, options);
  return candidates.ids[draw(weightsOf(candidates.scores), random)];
}

/**
 * The tokens that temperature, top-k and top-p leave to draw from. With top-k or top-p, the likeliest come first.
 *
 * @param atLeast how many tokens top-k and top-p leave in any case
 */
export function narrow(
  scores: Float32Array,
  { temperature, topK, topP }: SamplingOptions,
  atLeast = 1,
): Candidates {
  const divided = (ids: readonly number[]) => ({ ids, scores: ids.map((id) => scores[id] / temperature) });
  const pool = topK > 0 ? highest(scores, Math.max(topK, atLeast)) : possible(scores);
  return divided(topP < 1 ? nucleus(scores, pool, topK > 0, { temperature, topP, atLeast }) : pool);
}

/** The shortest run of likeliest tokens of `pool` that reaches topP. */
function nucleus(
  scores: Float32Array,
  pool: readonly number[],
  isSorted: boolean,
  { temperature, topP, atLeast }: { temperature: number; topP: number; atLeast: number },
): number[] {
  const top = isSorted ? pool[0] : likeliest(scores);
  const weightOf = (id: number) => Math.exp((scores[id] - scores[top]) / temperature);
  const total = pool.reduce((sum, id) => sum + weightOf(id), 0);
  // A nucleus is usually small: then not all tokens need sorting.
  for (let count = FIRST_SORTED; ; count *= 16) {
    const sorted = isSorted ? pool : highest(scores, count);
    let mass = 0;
    let taken = 0;
    while (taken < sorted.length && (taken < atLeast || mass < topP * total))
      mass += weightOf(sorted[taken++]);
    if (taken < sorted.length || sorted.length >= pool.length) return sorted.slice(0, taken);
  }
}

const FIRST_SORTED = 64;
/** For more tokens than this, sorting all is faster than finding the highest. */
const MOST_INSERTED = 1024;

/** The tokens that have any chance. */
function possible(scores: Float32Array): number[] {
  const ids: number[] = [];
  for (let id = 0; id < scores.length; id++) if (scores[id] > Number.NEGATIVE_INFINITY) ids.push(id);
  return ids;
}

/** The `count` tokens with the highest scores, likeliest first, and all equals of the last. Equals are sorted by id. */
function highest(scores: Float32Array, count: number): number[] {
  if (count > MOST_INSERTED) {
    const sorted = possible(scores).sort((a, b) => scores[b] - scores[a] || a - b);
    let end = Math.min(count, sorted.length);
    while (end < sorted.length && scores[sorted[end]] === scores[sorted[end - 1]]) end++;
    return sorted.slice(0, end);
  }
  const ids: number[] = [];
  let lowest = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < scores.length; id++) {
    const score = scores[id];
    // Equals of the lowest are kept behind it.
    if (!(score > Number.NEGATIVE_INFINITY) || (ids.length >= count && score < lowest)) continue;
    let at = ids.length;
    while (at > 0 && scores[ids[at - 1]] < score) at--;
    ids.splice(at, 0, id);
    if (ids.length < count) continue;
    lowest = scores[ids[count - 1]];
    while (scores[ids[ids.length - 1]] < lowest) ids.pop();
  }
  return ids;
}

/** Scores -> weights. The largest weight is 1. */
export function weightsOf(scores: readonly number[]): number[] {
  const most = largest(scores);
  return scores.map((score) => Math.exp(score - most));
}

/** An index, drawn by weight. */
export function draw(weights: readonly number[], random: Random): number {
  let left = random.next() * weights.reduce((sum, weight) => sum + weight, 0);
  let last = 0;
  for (const [i, weight] of weights.entries()) {
    if (weight === 0) continue;
    last = i;
    left -= weight;
    if (left < 0) return i;
  }
  return last;
}
