/** Errors that stop a search: no token can be chosen. */

import { EvolveError } from '../base/errors.js';
import type { SearchOptions } from './options.js';
import { largest } from './processors.js';

/**
 * Checks the model's scores for what follows `ids`. Those of some tokens may be −∞, but not all.
 *
 * @throws EvolveError if there is NaN or ∞, or nothing but −∞
 */
export function checkScores(scores: Float32Array, ids: readonly number[], { name }: SearchOptions): void {
  const most = largest(scores);
  if (Number.isFinite(most)) return;
  throw new EvolveError(
    'NOT_FINITE',
    `${name}, token ${ids.length + 1}: the model's scores are not finite; the largest is ${most}`,
    'Weights of the model or its adapter may be NaN, or too large for their type: load another, or convert it again.',
  );
}

/** The error when the options leave no token that could follow `ids`. */
export function nothingLeft(
  ids: readonly number[],
  { name, noRepeatNgramSize, repetitionPenalty }: SearchOptions,
): EvolveError {
  const fault =
    noRepeatNgramSize > 0
      ? `noRepeatNgramSize ${noRepeatNgramSize} forbids every token`
      : `repetitionPenalty ${repetitionPenalty} leaves no finite score`;
  const advice = 'Take another value, or ask for fewer new tokens.';
  return new EvolveError('NOT_FINITE', `${name}, token ${ids.length + 1}: ${fault}`, advice);
}
