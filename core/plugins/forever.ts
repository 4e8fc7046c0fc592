/** Promises of plugins that may never be kept. */

import { interruptionOf } from '../base/breath.js';

/** Ends what is being waited for. */
const waiting = new Set<() => void>();
process.on('beforeExit', () => {
  for (const giveUp of waiting) giveUp();
});

/**
 * What a tap, or a method of what a plugin handed over, promised. It fails where the process has nothing left to do that could
 * bring it: without this, Node.js would end with nothing saved. Where an error that nobody caught is the reason, it is that
 * error.
 */
export async function unlessForever<T>(promised: T | Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!(promised instanceof Promise)) return promised;
  let giveUp = () => {};
  const forever = new Promise<never>((_, reject) => {
    giveUp = () =>
      reject(signal?.aborted ? interruptionOf(signal) : new Error('it waits for something that never comes'));
  });
  waiting.add(giveUp);
  try {
    return await Promise.race([promised, forever]);
  } finally {
    waiting.delete(giveUp);
  }
}
