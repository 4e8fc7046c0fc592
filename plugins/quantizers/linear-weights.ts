import {
  DenseWeight,
  EvolveError,
  type FrozenWeight,
  type LanguageModel,
  releasePages,
} from '../../core/index.js';

/**
 * Puts `quantize(weight)` in the place of the frozen weight of every linear layer but the output.
 *
 * @throws EvolveError that names the tensor, where `quantize` throws a RangeError because of what the weight holds
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
      if (!(cause instanceof RangeError)) throw cause;
      const message = `${model.path}: ${site.name}.weight: ${cause.message}`;
      throw new EvolveError('CHECKPOINT_INVALID', message, 'Get the checkpoint again.', { cause });
    }
  }
  return model;
}
