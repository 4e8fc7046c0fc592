/** The machine that a bench ran on, and how much of it other processes took. */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import { ROOT } from '../support/files.js';

export function machineFacts() {
  const git = (...args: string[]) => {
    try {
      return execFileSync('git', args, {
        cwd: ROOT,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim();
    } catch {
      return null;
    }
  };
  const flags =
    read('/proc/cpuinfo')
      ?.match(/^flags\s*:(.*)$/m)?.[1]
      .trim()
      .split(' ') ?? [];
  return {
    cpu: os.cpus()[0]?.model,
    cores: os.availableParallelism(),
    instructionSets: flags.filter((flag) => /^(avx|amx|fma)/.test(flag)),
    memoryBytes: os.totalmem(),
    node: process.version,
    commit: git('rev-parse', 'HEAD'),
    modified: git('status', '--porcelain') !== '',
    date: new Date().toISOString(),
  };
}

/** The peak resident memory of a running process in bytes; null where the system does not tell. */
export function peakMemory(pid: number): number | null {
  const kib = read(`/proc/${pid}/status`)?.match(/^VmHWM:\s+(\d+) kB/m)?.[1];
  return kib === undefined ? null : Number(kib) * 1024;
}

/** The CPU time that a running process took so far, in seconds; null where the system does not tell. */
export function cpuSeconds(pid: number): number | null {
  const fields = statOf(pid);
  return fields && (fields[11] + fields[12]) / TICKS_PER_SECOND;
}

/**
 * What other processes than the bench and those it started took of the machine since `start`, 0 … 1. On a shared
 * machine a figure says little where this is not near 0.
 */
export class Others {
  readonly #busy = busyTicks();
  readonly #own = ownTicks();
  readonly #at = performance.now();

  /** Null where the system does not tell. */
  share(): number | null {
    const [busy, own] = [busyTicks(), ownTicks()];
    if (busy === null || own === null || this.#busy === null || this.#own === null) return null;
    const available = ((performance.now() - this.#at) / 1000) * TICKS_PER_SECOND * os.availableParallelism();
    return Math.max(0, Math.min(1, (busy - this.#busy - (own - this.#own)) / available));
  }
}

/** USER_HZ, which Linux fixes for /proc. */
const TICKS_PER_SECOND = 100;

function busyTicks(): number | null {
  const fields = read('/proc/stat')?.split('\n')[0].trim().split(/\s+/).slice(1).map(Number);
  if (!fields) return null;
  const [user, nice, system, , , interrupts, softInterrupts, stolen] = fields;
  return user + nice + system + interrupts + softInterrupts + stolen;
}

/** Of the bench, what it started that runs, and that ended. */
function ownTicks(): number | null {
  let ticks = 0;
  for (const pid of [process.pid, ...descendantsOf(process.pid)]) {
    const fields = statOf(pid);
    if (fields) ticks += fields[11] + fields[12] + fields[13] + fields[14];
  }
  return ticks > 0 ? ticks : null;
}

/** The numbers of a process behind its name. */
function statOf(pid: number): number[] | null {
  const line = read(`/proc/${pid}/stat`);
  return line === undefined
    ? null
    : line
        .replace(/^.*\) /s, '')
        .split(' ')
        .map(Number);
}

/** Its children and theirs. */
function descendantsOf(pid: number): number[] {
  const listed = read(`/proc/${pid}/task/${pid}/children`)?.trim();
  const children = listed ? listed.split(' ').map(Number) : [];
  return children.flatMap((child) => [child, ...descendantsOf(child)]);
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
