import {
  allocate,
  DenseWeight,
  EvolveError,
  type FrozenWeight,
  type LanguageModel,
  releasePages,
} from '../../../core/index.js';
import { NotFiniteError } from './not-finite.js';

/** An array of bytes for a weight. @throws EvolveError OUT_OF_MEMORY */
export function allocateStored(bytes: number): ArrayBuffer {
  return allocate(bytes, {
    user: 'a quantized weight',
    advice: 'Store the weights smaller (quantizer: nf4), take a smaller model, or end other programs.',
  });
}

/**
 * Puts `quantize(weight)` in the place of the frozen weight of every linear layer but the output.
 *
 * @throws EvolveError that names the tensor, if `quantize` throws a NotFiniteError
 */
export function quantizeLinears(
  model: LanguageModel,
  quantize: (weight: FrozenWeight) => FrozenWeight,
): LanguageModel {
  for (const site of model.linears) {
    if (site.isOutput) continue;
    const { weight } = site;
    try {
      site.weight = quantize(weight);
      if (weight instanceof DenseWeight) releasePages(weight.bytes);
    } catch (cause) {
      if (!(cause instanceof NotFiniteError)) throw cause;
      const message = `${model.path}: ${site.name}.weight: ${cause.message}`;
      throw new EvolveError('CHECKPOINT_INVALID', message, 'Get the checkpoint again.', { cause });
    }
  }
  return model;
}
