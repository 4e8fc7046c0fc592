/** One run at a time writes into an output folder. */

import { hostname } from 'node:os';
import path from 'node:path';
import { EvolveError } from '../base/errors.js';
import { type Holder, holderOf, LOCK, tryLock } from '../base/lock.js';
import { displayPath } from '../base/paths.js';

/** The number of the process that writes into `folder`; undefined if none does, as after a run that was killed. */
export function writerOf(folder: string): number | undefined {
  return holderOf(folder)?.pid;
}

/** @throws EvolveError OUTPUT_FOLDER if a process that lives holds the lock of `folder` */
export function refuseIfLocked(folder: string): void {
  const holder = holderOf(folder);
  if (holder) throw locked(folder, holder);
}

/** Makes `folder` if need be, and locks it. @throws EvolveError OUTPUT_FOLDER if another process holds the lock */
export async function lock(folder: string): Promise<void> {
  const holder = await tryLock(folder);
  if (holder) throw locked(folder, holder);
}

function locked(folder: string, { pid, host }: Holder): EvolveError {
  const isHere = host === hostname();
  const message = `output: ${displayPath(folder)}: another run writes there (process ${pid}${isHere ? '' : ` on ${host}`})`;
  const remove = isHere ? '' : ` If that run is no more, remove ${displayPath(path.join(folder, LOCK))}.`;
  return new EvolveError('OUTPUT_FOLDER', message, `Wait for its end, or name another --output.${remove}`);
}
