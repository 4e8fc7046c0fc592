import * as tf from '@tensorflow/tfjs';
import type { LanguageModel } from '../../core/index.js';
import { variableGradients } from '../../core/ops/gradients.js';
import { randomTensor } from './numbers.js';

/** Numbers by the names of trainable variables. */
export type Parameters = ReadonlyMap<string, Float32Array>;

/** The values of what is trained. */
export function parametersOf({ trainable }: LanguageModel): Parameters {
  return new Map(
    Array.from(trainable, ([name, variable]) => [name, variable.dataSync().slice() as Float32Array]),
  );
}

/** Moves every trainable variable `by` times a random direction of its own, as if it had been trained. */
export function moveParameters({ trainable }: LanguageModel, by = 0.1): void {
  for (const [i, variable] of [...trainable.values()].entries()) {
    const direction = () => tf.mul(randomTensor(variable.shape as [number], i + 1), by);
    tf.tidy(() => variable.assign(tf.add(variable, direction())));
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
