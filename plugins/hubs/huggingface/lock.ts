/**
 * One process at a time, by a file that its holder keeps touching. It saves work and is no more than that: where a lock
 * is taken from a holder that was merely slow, both write the same bytes to the same places.
 */

import { randomUUID } from 'node:crypto';
import { readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

const TOUCH_MS = 2_000;
/** A lock that was not touched for so long has no holder. */
const STALE_MS = 20_000;
const POLL_MS = 200;

/**
 * Runs `use` while this process holds the lock `file`.
 *
 * @param waits is called once where another process holds it
 * @param staleMs after how many milliseconds without a sign of its holder a lock is taken
 */
export async function withLock(
  file: string,
  signal: AbortSignal,
  waits: () => void,
  use: () => Promise<void>,
  staleMs = STALE_MS,
): Promise<void> {
  const holder = await acquire(file, signal, waits, staleMs);
  const touching = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => {});
  }, TOUCH_MS);
  try {
    await use();
  } finally {
    clearInterval(touching);
    await release(file, holder);
  }
}

/** Waits until the lock is this caller's, and returns what the file then says of its holder. */
async function acquire(
  file: string,
  signal: AbortSignal,
  waits: () => void,
  staleMs: number,
): Promise<string> {
  const self = `${hostname()} ${process.pid} ${randomUUID()}`;
  // Unequal to every time, so that the first look begins the wait.
  let touched: number | undefined = Number.NaN;
  let seenAt = 0;
  for (let tries = 0; ; tries++) {
    if (await create(file, self)) return self;
    const holder = await holderOf(file);
    // By this process's own clock: another machine's may go otherwise.
    const { mtimeMs } = (await stat(file).catch(() => undefined)) ?? {};
    if (mtimeMs !== touched) [touched, seenAt] = [mtimeMs, performance.now()];
    if (performance.now() - seenAt > staleMs || isDead(holder)) {
      await release(file, holder);
      continue;
    }
    if (tries === 0) waits();
    await sleep(POLL_MS, undefined, { signal });
  }
}

async function create(file: string, holder: string): Promise<boolean> {
  try {
    await writeFile(file, holder, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Removes the lock if it is still that holder's: another may have taken it. */
async function release(file: string, holder: string): Promise<void> {
  if ((await holderOf(file)) === holder) await rm(file, { force: true });
}

function holderOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}

function isDead(holder: string): boolean {
  const [host, pid] = holder.split(' ');
  if (host !== hostname() || !/^\d+$/.test(pid ?? '')) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
