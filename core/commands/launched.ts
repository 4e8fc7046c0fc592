/** What a process does otherwise where MPI started it as one of several. */

import { writeSync } from 'node:fs';
import os from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { EvolveError } from '../base/errors.js';
import { launchOf, processName } from '../base/launch.js';

/** `evolve run --processes` started this process, and tells it how wide its terminal is, or `0` if it has none. */
export const COLUMNS_VARIABLE = 'EVOLVE_PROCESSES_COLUMNS';

/** So long Hydra has to read what this process told: of a job that it ends it shows no more. */
const SHOWN_MS = 1000;

/** So long the first process has to tell of what is wrong in all. */
const FIRST_MS = 4000;

/** A line on standard error with which a process tells `--processes` its rank, id and host: MPICH names those that die by their id. */
const INTRODUCTION = /^evolve-process (\d+) (\d+) (\S+)$/;

export interface Introduced {
  readonly rank: number;
  readonly pid: number;
  readonly host: string;
}

export function introducedBy(line: string): Introduced | undefined {
  const [, rank, pid, host] = INTRODUCTION.exec(line) ?? [];
  return host === undefined ? undefined : { rank: Number(rank), pid: Number(pid), host };
}

/** MPI gives its processes what looks like a terminal, whatever the person sees: only `--processes` knows better. */
export function meetLauncher(): void {
  const { rank, size } = launchOf();
  if (size === 1) return;
  const columns = process.env[COLUMNS_VARIABLE];
  process.stdout.isTTY = Number(columns ?? 0) > 0;
  process.stdout.columns = Number(columns ?? 0);
  if (columns !== undefined) process.stderr.write(`evolve-process ${rank} ${process.pid} ${os.hostname()}\n`);
}

/**
 * Has mpirun end the other processes, as this one has told why. Open MPI and Slurm do so where a process ends with an error.
 * Hydra, which starts those of MPICH, lets the others go on unless it is asked, in the words of PMI.
 */
export async function endOthers(status: number): Promise<void> {
  const { PMI_FD: socket, MPI_LOCALRANKID: isOfHydra } = process.env;
  const { rank, size } = launchOf();
  if (socket === undefined || isOfHydra === undefined || size === 1) return;
  // Process 0 tells of an interruption.
  if (status === 130 && rank > 0) return;
  await setTimeout(SHOWN_MS);
  try {
    writeSync(Number(socket), `cmd=abort exitcode=${status}\n`);
  } catch {
    // Hydra is gone, or npx has closed its socket.
  }
}

let isEndedByMpi = false;

/** Whether mpirun ends this process because another one ended: that has been told, or `--processes` tells it. */
export function endsWithOthers(): boolean {
  return isEndedByMpi;
}

/**
 * Calls back when `evolve run --processes`, which started this process, was interrupted, as it says to process 0 on its standard
 * input, or is no more.
 */
export function onLauncherEnd(end: () => void): void {
  if (process.env[COLUMNS_VARIABLE] === undefined) return;
  const leave = () => {
    isEndedByMpi = true;
    end();
  };
  // A person's signal goes to the command that they started.
  process.prependListener('SIGTERM', () => {
    isEndedByMpi = true;
  });
  if (launchOf().rank > 0) return;
  process.stdin
    .once('data', () => end())
    .on('end', leave)
    .on('error', leave);
  (process.stdin as NodeJS.ReadStream & { unref?: () => void }).unref?.();
}

/**
 * The error that this process tells; undefined if another one tells it. What is wrong in all, the first process tells, whose end is
 * that of the others. What one alone sees it tells itself, and says which process it is.
 */
export async function ownError(error: unknown): Promise<unknown> {
  const { rank, size } = launchOf();
  const isInterrupted = error instanceof EvolveError && error.code === 'INTERRUPTED';
  // Those that mpirun ends have nothing to tell.
  if (size > 1 && isInterrupted && (rank > 0 || isEndedByMpi)) return undefined;
  if (rank === 0) return error;
  await setTimeout(FIRST_MS);
  if (!(error instanceof EvolveError)) return error;
  const message = `${processName(rank)}: ${error.message}`;
  return new EvolveError(error.code, message, error.advice, { cause: error });
}
