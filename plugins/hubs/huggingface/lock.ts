/**
 * One process at a time, by a file that its holder keeps touching. It saves work and is no more than that: where a lock
 * is taken from a holder that was merely slow, both write the same bytes to the same places.
 */

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
 */
export async function withLock(
  file: string,
  signal: AbortSignal,
  waits: () => void,
  use: () => Promise<void>,
): Promise<void> {
  await acquire(file, signal, waits);
  const touching = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => {});
  }, TOUCH_MS);
  try {
    await use();
  } finally {
    clearInterval(touching);
    await rm(file, { force: true });
  }
}

async function acquire(file: string, signal: AbortSignal, waits: () => void): Promise<void> {
  let touched: number | undefined;
  let seenAt = 0;
  for (let tries = 0; ; tries++) {
    const taken = await writeFile(file, `${hostname()} ${process.pid}`, { flag: 'wx' }).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') return false;
        throw error;
      },
    );
    if (taken) return;
    // By this process's own clock: another machine's may go otherwise.
    const { mtimeMs } = (await stat(file).catch(() => undefined)) ?? {};
    if (mtimeMs !== touched) [touched, seenAt] = [mtimeMs, performance.now()];
    if (performance.now() - seenAt > STALE_MS || (await isOfDeadProcess(file))) {
      await rm(file, { force: true });
      continue;
    }
    if (tries === 0) waits();
    await sleep(POLL_MS, undefined, { signal });
  }
}

async function isOfDeadProcess(file: string): Promise<boolean> {
  const [host, pid] = (await readFile(file, 'utf8').catch(() => '')).split(' ');
  if (host !== hostname() || !/^\d+$/.test(pid ?? '')) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
