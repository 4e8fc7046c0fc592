/**
 * Weights of the base model that PEFT saves beside a branch: where an adapter has a branch on the output layer, its file
 * holds that layer too, as `lm_head.base_layer.weight`.
 */

import {
  type Checkpoint,
  encodeFloats,
  type FrozenWeight,
  type LanguageModel,
  toFloat32,
} from '../../../core/index.js';

/** By the name of the tensor in the adapter's file: the weight that it is a copy of. */
export function copiesIn(
  { tensors }: Pick<Checkpoint, 'tensors'>,
  { linears, embeddings }: LanguageModel,
): Map<string, FrozenWeight> {
  const sites = [...embeddings, ...linears].flatMap(({ name, weight }) =>
    ['base_layer.weight', 'weight'].map((end) => [`base_model.model.${name}.${end}`, weight] as const),
  );
  return new Map(sites.filter(([name]) => tensors.has(name)));
}

/** Why the adapter does not fit the model; undefined if the copy is what the model has, in the type of the copy. */
export async function copyFault(
  checkpoint: Checkpoint,
  name: string,
  weight: FrozenWeight,
): Promise<string | undefined> {
  const { type, shape } = checkpoint.tensors.get(name) as { type: 'f32'; shape: number[] };
  if (shape.join() !== weight.shape.join())
    return `${name} is [${shape}], and the base model's [${weight.shape}]: it was trained on a vocabulary of another size`;
  const own = encodeFloats(type, toFloat32(weight));
  if (Buffer.compare(own, await checkpoint.read(name)) === 0) return undefined;
  return `${name} has other numbers than the base model: it was trained on another one, or this layer was trained too`;
}
