import type { LanguageModel } from './backbone.js';

/** How far a model reaches and what limits it, as errors say it. */
export function reachOf({ limitedBy, maxLength }: LanguageModel): string {
  return limitedBy
    ? `${limitedBy} of the model is ${maxLength}`
    : `the model was made for ${maxLength} positions`;
}
