import * as tf from '@tensorflow/tfjs';
import { Random } from '../../core/base/random.js';
import type { LanguageModel } from '../../core/index.js';
import { variableGradients } from '../../core/ops/gradients.js';

/** Numbers by the names of trainable variables. */
export type Parameters = ReadonlyMap<string, Float32Array>;

/** The values of what is trained. */
export function parametersOf({ trainable }: LanguageModel): Parameters {
  return new Map(
    Array.from(trainable, ([name, variable]) => [name, variable.dataSync().slice() as Float32Array]),
  );
}

/** A random direction for each trainable variable, of numbers in −1 … 1, always the same. */
export function directionsOf({ trainable }: LanguageModel): Parameters {
  return new Map(
    Array.from(trainable.keys(), (name, i) => [
      name,
      new Random(i + 1).uniform(trainable.get(name)!.size, -1, 1),
    ]),
  );
}

/** Moves every trainable variable `by` times its direction, as if it had been trained. */
export function moveParameters(model: LanguageModel, by = 0.1): void {
  for (const [name, direction] of directionsOf(model)) {
    const variable = model.trainable.get(name)!;
    tf.tidy(() => variable.assign(tf.add(variable, tf.mul(tf.tensor(direction, variable.shape), by))));
  }
}

/** The value of a loss and its gradients. */
export function gradientsOf(
  { trainable }: LanguageModel,
  f: () => tf.Scalar,
): { loss: number; gradients: Parameters } {
  const { loss, gradients } = variableGradients(f, trainable);
  const numbers = Array.from(gradients, ([name, gradient]) => [name, gradient.dataSync().slice()] as const);
  const [value] = loss.dataSync();
  tf.dispose([loss, ...gradients.values()]);
  return { loss: value, gradients: new Map(numbers) as Parameters };
}
