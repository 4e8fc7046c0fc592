/**
 * Changes a model's scores before a token is chosen, in the order of transformers: repetition penalty, then n-grams that came
 * already. If tokens are drawn, temperature, top-k and top-p follow. Scores are changed in place.
 */

import type { GenerateOptions } from './options.js';

type ProcessorOptions = Pick<GenerateOptions, 'repetitionPenalty' | 'noRepeatNgramSize'>;

/** @param soFar the tokens of prompt and answer */
export function processScores(
  scores: Float32Array,
  soFar: readonly number[],
  { repetitionPenalty, noRepeatNgramSize }: ProcessorOptions,
): void {
  if (repetitionPenalty !== 1) penalizeRepetition(scores, soFar, repetitionPenalty);
  if (noRepeatNgramSize > 0) forbidRepeatedNgrams(scores, soFar, noRepeatNgramSize);
}

function penalizeRepetition(scores: Float32Array, soFar: readonly number[], penalty: number): void {
  for (const id of new Set(soFar)) scores[id] = scores[id] > 0 ? scores[id] / penalty : scores[id] * penalty;
}

/** Gives the score −∞ to tokens that would complete a run of `size` tokens that the text already has. */
function forbidRepeatedNgrams(scores: Float32Array, soFar: readonly number[], size: number): void {
  const begun = soFar.length - (size - 1);
  for (let start = 0; start < begun; start++) {
    let same = 0;
    while (same < size - 1 && soFar[start + same] === soFar[begun + same]) same++;
    if (same === size - 1) scores[soFar[start + same]] = Number.NEGATIVE_INFINITY;
  }
}

/** The largest number; NaN if one is NaN, −∞ if there is none. */
export function largest(numbers: ArrayLike<number>): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < numbers.length; i++) most = Math.max(most, numbers[i]);
  return most;
}

/** Scores -> log-probabilities, in place. */
export function logSoftmax(scores: Float32Array): void {
  const highest = largest(scores);
  let total = 0;
  for (let id = 0; id < scores.length; id++) total += Math.exp(scores[id] - highest);
  const logTotal = highest + Math.log(total);
  for (let id = 0; id < scores.length; id++) scores[id] -= logTotal;
}
