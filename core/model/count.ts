import type { LanguageModel } from '../contracts/backbone.js';

/**
 * How many numbers each parameter of a model has, by name: the model's own under their names in the checkpoint, a parameter
 * that several sites share under the first of them, and those that an adapter added.
 */
export function parameterSizes(model: LanguageModel): Map<string, number> {
  const sizes = new Map<string, number>();
  const counted = new Set<unknown>();
  for (const { name, weight } of [...model.embeddings, ...model.linears]) {
    if (counted.has(weight)) continue;
    counted.add(weight);
    sizes.set(`${name}.weight`, weight.shape[0] * weight.shape[1]);
  }
  for (const [name, { size }] of [...model.vectors, ...model.trainable]) sizes.set(name, size);
  return sizes;
}
