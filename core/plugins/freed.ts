import type { tf } from '../base/tf.js';

/** The name of a trained variable that was disposed while the run still needs it; undefined if all are there. */
export function freedIn(variables: ReadonlyMap<string, tf.Variable>): string | undefined {
  for (const [name, variable] of variables) if (variable.isDisposed) return name;
  return undefined;
}
