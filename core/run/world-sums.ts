/** Sums of a step over the processes of a run. */

import * as tf from '@tensorflow/tfjs';
import type { Gradients } from '../contracts/optimizer.js';
import type { World } from '../contracts/world.js';

/**
 * A step's loss and gradients, summed over all processes. (A process without a micro-batch has no gradients.) The gradients
 * go through the world in one flat array. Those that are replaced are freed.
 */
export async function sumOverWorld(
  world: World,
  variables: ReadonlyMap<string, tf.Variable>,
  gradients: Gradients,
  loss: number,
): Promise<{ gradients: Gradients; loss: number }> {
  if (world.size === 1) return { gradients, loss };
  const names = [...variables.keys()];
  const sizes = Array.from(variables.values(), ({ size }) => size);
  const flat = new Float32Array(sizes.reduce((total, size) => total + size, 0));
  let at = 0;
  for (const [i, name] of names.entries()) {
    const gradient = gradients.get(name);
    if (gradient) flat.set(await gradient.data<'float32'>(), at);
    at += sizes[i];
  }
  // In double precision, as one process adds up its losses.
  const losses = Float64Array.of(loss);
  await world.sum(losses);
  await world.sum(flat);
  tf.dispose([...gradients.values()]);
  const summed = new Map<string, tf.Tensor>();
  at = 0;
  for (const [name, { shape, size }] of variables) {
    summed.set(name, tf.tensor(flat.slice(at, at + size), shape, 'float32'));
    at += size;
  }
  return { gradients: summed, loss: losses[0] };
}
