import { once } from 'node:events';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { EvolveError } from './errors.js';

/** The event loop turns once so long has gone by. */
const MOST_BUSY_MS = 50;

/**
 * Lets signals and timers through in work that takes long.
 *
 *     const breath = new Breath(signal);
 *     for (const piece of work) {
 *       compute(piece);
 *       if (breath.isDue) await breath.take();
 *     }
 */
export class Breath {
  #last = performance.now();

  constructor(private readonly signal?: AbortSignal) {}

  get isDue(): boolean {
    return performance.now() - this.#last > MOST_BUSY_MS;
  }

  /** Lets the event loop turn. @throws why the work should end, if the signal was aborted */
  async take(): Promise<void> {
    await setImmediate();
    this.#last = performance.now();
    if (this.signal?.aborted) throw interruptionOf(this.signal);
  }
}

/** The error with which aborted work ends: the signal's reason, if that says more than that it was aborted. */
export function interruptionOf({ reason }: AbortSignal): unknown {
  if (reason instanceof Error && reason.name !== 'AbortError') return reason;
  return new EvolveError('INTERRUPTED', 'interrupted', '', { cause: reason });
}

/** What was promised; but if the signal aborts, and it is not there so many milliseconds later, that ends the waiting. */
export async function unlessAborted<T>(promised: Promise<T>, signal: AbortSignal, patience = 0): Promise<T> {
  const over = new AbortController();
  const aborted = async (): Promise<never> => {
    if (!signal.aborted) await once(signal, 'abort', { signal: over.signal });
    await setTimeout(patience, undefined, { signal: over.signal });
    throw interruptionOf(signal);
  };
  try {
    return await Promise.race([promised, aborted()]);
  } finally {
    over.abort();
  }
}

/** The error that aborted the work although nobody interrupted it: one that nobody caught. Undefined if there is none. */
export function strayErrorOf(signal: AbortSignal): unknown {
  const reason = signal.aborted ? interruptionOf(signal) : undefined;
  return reason instanceof EvolveError && reason.code === 'INTERRUPTED' ? undefined : reason;
}
