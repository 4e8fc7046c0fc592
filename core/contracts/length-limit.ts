import type { LanguageModel } from './backbone.js';

/** How many positions a model has, and why: `the model was made for 2048 positions`. */
export type LengthLimit = Pick<LanguageModel, 'maxLength' | 'limitedBy'>;

/** The limit as errors say it. */
export function describeLengthLimit({ limitedBy, maxLength }: LengthLimit): string {
  return limitedBy
    ? `${limitedBy} of the model is ${maxLength}`
    : `the model was made for ${maxLength} positions`;
}
