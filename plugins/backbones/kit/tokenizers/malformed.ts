import { EvolveError } from '../../../../core/index.js';

/** The error of a tokenizer's file, which it names. */
export function tokenizerError(file: string, what: string, advice = 'Get the file again.'): EvolveError {
  return new EvolveError('MODEL_INVALID', `${file}: ${what}`, advice);
}
