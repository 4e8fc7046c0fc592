import { EvolveError } from '../../../../core/index.js';

/** Why a model cannot be written as GGUF. */
export function unwritable(message: string): EvolveError {
  return new EvolveError('MODEL_INVALID', message, 'Take --format safetensors.');
}
