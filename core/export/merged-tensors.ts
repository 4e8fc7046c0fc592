import { EvolveError } from '../base/errors.js';
import { type DenseType, decodeFloats, encodeFloats } from '../base/floats.js';
import type { LanguageModel } from '../contracts/backbone.js';
import type { TensorToWrite } from '../contracts/checkpoint.js';
import type { LinearSite } from '../contracts/linear-site.js';
import { DenseWeight, type FrozenWeight } from '../ops/frozen-weight.js';
import { inCheckpoint } from './checkpoint-layout.js';

/** How many numbers are decoded, merged and written at a time. */
const PIECE = 1 << 22;

/**
 * A model's tensors under the names that transformers gives them, with the adapters merged into the weights. Each has the
 * type that it was loaded in; a weight whose storage is no plain type has none. The numbers are made when they are asked for,
 * a piece at a time. The model must live until then.
 *
 * @throws EvolveError if an adapter cannot be merged
 */
export function mergedTensors(model: LanguageModel): Map<string, TensorToWrite> {
  const tensors = new Map<string, TensorToWrite>();
  const refuse = (message: string, advice = ''): never => {
    throw new EvolveError('ADAPTER_INVALID', message, advice);
  };
  const written = new Set<FrozenWeight>();
  for (const { name, weight, adapter } of model.embeddings) {
    if (adapter) refuse(`the adapter of ${name} cannot be merged`);
    written.add(weight);
    tensors.set(`${name}.weight`, {
      shape: weight.shape,
      type: typeOf(weight),
      values: () => rowsOf(name, weight),
    });
  }
  for (const { name, weight, adapter, layout } of model.linears) {
    if (adapter && !adapter.mergeInto) refuse(`the adapter of ${name} cannot be merged`);
    if (written.has(weight)) {
      if (adapter) refuse(`${name} has an adapter, but is tied to the embedding, which has none`);
      continue;
    }
    written.add(weight);
    const tensor = {
      shape: weight.shape,
      type: typeOf(weight),
      values: () => rowsOf(name, weight, adapter),
    };
    tensors.set(`${name}.weight`, inCheckpoint(tensor, layout));
  }
  const type = typeOf(model.linears[0].weight) ?? 'f32';
  for (const [name, vector] of model.vectors) {
    const values = vector.dataSync() as Float32Array;
    tensors.set(name, { shape: vector.shape, type: holds(type, values) ? type : 'f32', values });
  }
  return tensors;
}

/** The type that a weight was loaded in; undefined if its storage is no plain type. */
function typeOf(weight: FrozenWeight): DenseType | undefined {
  return weight instanceof DenseWeight ? weight.storage : undefined;
}

function* rowsOf(
  name: string,
  weight: FrozenWeight,
  adapter?: LinearSite['adapter'],
): Generator<Float32Array> {
  const [rows, columns] = weight.shape;
  const count = Math.max(1, Math.floor(PIECE / columns));
  for (let start = 0; start < rows; start += count) {
    const end = Math.min(rows, start + count);
    const values = new Float32Array((end - start) * columns);
    weight.decode(start, end, values);
    if (adapter?.mergeInto) {
      adapter.mergeInto(values, start, end);
      // 0, unless some number is not finite.
      const check = values.reduce((sum, value) => sum + value * 0, 0);
      if (check !== 0)
        throw new EvolveError('NOT_FINITE', `${name}: the merged weight holds a number that is not finite`);
    }
    yield values;
  }
}

/** Whether the type can hold exactly these numbers. */
function holds(type: DenseType, values: Float32Array): boolean {
  const back = new Float32Array(values.length);
  decodeFloats(type, encodeFloats(type, values), back);
  return values.every((value, i) => value === back[i]);
}
