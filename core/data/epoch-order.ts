import { deriveSeed, Random } from '../base/random.js';

/**
 * The order of `count` rows in pass number `epoch` through the data (from 0), as indices. It follows from the arguments alone,
 * so that a run that goes on needs no saved state of a generator.
 */
export function epochOrder(seed: number, epoch: number, count: number): Int32Array {
  const random = new Random(deriveSeed(seed, 'shuffle'));
  for (let before = 0; before < epoch; before++) random.permutation(count);
  return random.permutation(count);
}
