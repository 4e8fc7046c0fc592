import { tf } from '../base/tf.js';
import type { Gradients } from '../contracts/optimizer.js';

/**
 * Checks what a tap of `gradients` returned, or what it made of the map it got: it must have the names that were given, each
 * with a live tensor of the same shape. Frees the tensors that the tap replaced, so that no tap needs to know who else holds them.
 *
 * @throws TypeError that names the first gradient that cannot be used
 */
export function checkGradients(given: Gradients, returned: unknown): Gradients {
  if (!(returned instanceof Map))
    throw new TypeError('expected a Map from names to tensors, or nothing where all stay as they are');
  const gradients = returned as Gradients;
  const added = [...gradients.keys()].find((name) => !given.has(name));
  if (added !== undefined) throw new TypeError(`there is no trainable parameter "${added}"`);
  for (const [name, { shape }] of given) {
    const gradient = gradients.get(name);
    if (!gradient) throw new TypeError(`the gradient of ${name} is missing`);
    if (!(gradient instanceof tf.Tensor)) throw new TypeError(`the gradient of ${name} is no tensor`);
    if (gradient instanceof tf.Variable)
      throw new TypeError(`the gradient of ${name} is a variable, which would be freed after the step`);
    if (gradient.dtype !== 'float32')
      throw new TypeError(`the gradient of ${name} is of the type ${gradient.dtype}, but must be float32`);
    if (gradient.isDisposed) throw new TypeError(`the gradient of ${name} has been disposed`);
    if (gradient.shape.join() !== shape.join())
      throw new TypeError(`the gradient of ${name} is [${gradient.shape}], but must be [${shape}]`);
  }
  const kept = new Set<tf.Tensor>(gradients.values());
  for (const gradient of given.values()) if (!kept.has(gradient)) gradient.dispose();
  return gradients;
}
