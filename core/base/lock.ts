/**
 * One process at a time writes into a folder. It keeps the file run.lock there, which names it. The lock of a process that is
 * no more is taken over.
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { constants, copyFile, link, mkdir, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';

export const LOCK = 'run.lock';

/** Of the files that this process made to take locks with. */
let count = 0;

/** Who holds a lock. */
export interface Holder {
  readonly pid: number;
  readonly host: string;
  /** When the process began, as the system counts: a later process may have the same number. */
  readonly began?: string;
}

/** Who writes into `folder`; undefined if nobody does, as after a run that was killed. */
export function holderOf(folder: string): Holder | undefined {
  const holder = holderIn(path.join(folder, LOCK));
  return holder && isAlive(holder) ? holder : undefined;
}

/** Makes `folder` if need be, and locks it. Returns who holds the lock already, if someone does. */
export async function tryLock(folder: string): Promise<Holder | undefined> {
  const file = path.join(folder, LOCK);
  await mkdir(folder, { recursive: true });
  // The file appears with all that is in it: nobody reads half of it.
  const mine = `${file}.${process.pid}.${count++}`;
  await writeFile(mine, JSON.stringify(self()));
  try {
    while (!(await linked(mine, file))) {
      const text = textOf(file);
      if (text === undefined) continue;
      const holder = parsed(text);
      if (holder && isAlive(holder)) return holder;
      // Where there are no links, a lock is empty for a moment.
      if (!holder && (await changes(file, text))) continue;
      if (await takeOver(file, mine, text)) return undefined;
    }
    return undefined;
  } finally {
    await rm(mine, { force: true });
  }
}

export async function unlock(folder: string): Promise<void> {
  await rm(path.join(folder, LOCK), { force: true });
}

/** Whether a lock that is half-written gets more. */
async function changes(file: string, text: string): Promise<boolean> {
  await setTimeout(50);
  return textOf(file) !== text;
}

/** False if `to` exists. */
async function linked(from: string, to: string): Promise<boolean> {
  const isThere = (error: unknown) => (error as NodeJS.ErrnoException).code === 'EEXIST';
  try {
    // Some file systems have no links.
    await link(from, to).catch((error: unknown) => {
      if (isThere(error)) throw error;
      return copyFile(from, to, constants.COPYFILE_EXCL);
    });
    return true;
  } catch (error) {
    if (isThere(error)) return false;
    throw error;
  }
}

/**
 * Puts `mine` in the place of a lock that was left behind. Of several processes that found it, one at a time may: the one that
 * makes a file named after that very lock. Otherwise one could remove the lock that another has just put there.
 */
async function takeOver(file: string, mine: string, dead: string): Promise<boolean> {
  const claim = `${file}.of-${createHash('sha256').update(dead).digest('hex').slice(0, 16)}`;
  if (await linked(mine, claim)) {
    try {
      if (textOf(file) === dead) await rm(file, { force: true });
      return await linked(mine, file);
    } finally {
      await rm(claim, { force: true });
    }
  }
  const other = holderIn(claim);
  if (other && !isAlive(other)) await rm(claim, { force: true });
  else await setTimeout(10);
  return false;
}

function self(): Holder {
  const began = statOf(process.pid)?.began;
  return { pid: process.pid, host: hostname(), ...(began !== undefined && { began }) };
}

function holderIn(file: string): Holder | undefined {
  try {
    return parsed(textOf(file) ?? '');
  } catch {
    return undefined;
  }
}

/** Undefined where there is no lock. */
function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function parsed(text: string): Holder | undefined {
  try {
    return JSON.parse(text) as Holder;
  } catch {
    return undefined;
  }
}

/** A process of another machine counts as alive: nothing here can tell. */
function isAlive({ pid, host, began }: Holder): boolean {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives, and is another person's.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const now = statOf(pid);
  // A process that was killed keeps its number until its parent asks how it ended, which some parents never do.
  if (now?.state === 'Z') return false;
  return began === undefined || now === undefined || began === now.began;
}

/** Fields 3 and 22 of Linux's /proc/PID/stat; undefined elsewhere. Field 2 may hold anything, but is in parentheses. */
function statOf(pid: number): { state: string; began: string } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0], began: fields[19] };
  } catch {
    return undefined;
  }
}
