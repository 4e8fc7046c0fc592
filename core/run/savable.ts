import { EvolveError } from '../base/errors.js';
import type { tf } from '../base/tf.js';
import { globalNorm } from '../ops/global-norm.js';
import { freedIn } from '../plugins/freed.js';

type Variables = ReadonlyMap<string, tf.Variable>;

/** The fault that a plugin freed a trained variable; undefined if none did. */
export function freedFault(variables: Variables): EvolveError | undefined {
  const freed = freedIn(variables);
  if (freed === undefined) return undefined;
  return new EvolveError(
    'PLUGIN_FAILED',
    `the trained variable ${freed} was disposed by a plugin`,
    'The core disposes the model when the run has ended. Look at the optimizer, and at taps that call dispose().',
  );
}

/**
 * Checks that all that is to be saved can be.
 *
 * @throws EvolveError NOT_FINITE if a variable holds a value that is no finite number, PLUGIN_FAILED if one is disposed
 */
export async function checkSavable(variables: Variables, step: number): Promise<void> {
  const freed = freedFault(variables);
  if (freed) throw freed;
  const norm = globalNorm([...variables.values()]);
  const [value] = await norm.data();
  norm.dispose();
  if (Number.isFinite(value)) return;
  // The squares of large numbers may be infinite although they are not.
  for (const [name, variable] of variables) {
    if ((await variable.data<'float32'>()).every(Number.isFinite)) continue;
    const message = `after step ${step} the trained variable ${name} holds a value that is no finite number`;
    throw new EvolveError('NOT_FINITE', message);
  }
}
