/** The binding to MPI: compiled with the machine's own mpicc when it is first needed, and kept for later runs. */

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, fstatSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { EvolveError, launchOf, type SharedMemory, userCache } from '../../../core/index.js';

/** What `call` does, as mpi.c numbers it. */
export const CALL = { sumFloat: 0, sumDouble: 1, broadcast: 2, barrier: 3, close: 4, share: 5 } as const;

/** The functions of mpi.c. */
export interface Addon {
  /**
   * Joins the processes that MPI started, once a process.
   *
   * @param silence after so many seconds without a sign of life a process is taken for dead
   * @param patience after so many seconds in which its JavaScript does not return, for hanging
   * @param json whether an error that JavaScript cannot tell goes to standard output too
   * @param onFault called in process 0: which process fails, whether it told so itself, and why
   */
  open(
    silence: number,
    patience: number,
    json: boolean,
    onFault: (about: number, isTold: boolean | number, text: string) => void,
  ): Promise<{ rank: number; size: number; hosts: string[] }>;
  /**
   * A collective call; the array is read and written until it is done. `close` ends all of MPI. `share` takes sizes in bytes, and
   * alone answers something.
   */
  call(kind: number, values?: Float32Array | Float64Array | Uint8Array): Promise<SharedMemory | undefined>;
  /** The event loop turns. */
  turn(): void;
  /** Process 0 hears why this one fails. */
  tell(text: string): void;
  /** The world keeps the process alive no longer. */
  release(): void;
  /** Ends all processes, this one too. */
  abort(status: number): void;
}

const run = promisify(execFile);

const INSTALL =
  'Install MPI: on Debian and Ubuntu apt-get install libopenmpi-dev openmpi-bin (or libmpich-dev mpich), on Fedora dnf install openmpi-devel, with Homebrew brew install open-mpi. EVOLVE_MPICC names another mpicc.';

/** So long the other processes of a host wait for the one that compiles. */
const COMPILE_SECONDS = 120;

/**
 * The addon, from the cache where it is there.
 *
 * @param compiles whether this process compiles it; the others of its host wait
 * @throws EvolveError WORLD_INVALID if there is no mpicc, or it does not compile the binding
 */
export async function loadAddon(compiles: boolean): Promise<Addon> {
  requireSocket();
  const mpicc = process.env.EVOLVE_MPICC || 'mpicc';
  const headers = createRequire(import.meta.url)('node-api-headers').include_dir as string;
  const source = path.join(packageFolder(), 'plugins', 'worlds', 'mpi', 'mpi.c');
  const shown = await run(mpicc, ['-show']).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'there is no such program' : error.message;
    throw new EvolveError('WORLD_INVALID', `world: mpi needs ${mpicc}, MPI's compiler: ${why}`, INSTALL);
  });
  const key = createHash('sha256')
    .update(readFileSync(source))
    .update(`${mpicc} ${shown.stdout} ${process.arch}`)
    .digest('hex');
  const folder = path.join(userCache(), 'mpi');
  const file = path.join(folder, `${key.slice(0, 32)}.node`);
  if (!existsSync(file) && compiles) await compile(mpicc, source, headers, file);
  for (let waited = 0; !existsSync(file); waited += 0.1) {
    if (waited > COMPILE_SECONDS)
      throw new EvolveError('WORLD_FAILED', `the binding to MPI did not come to be: ${file}`, INSTALL);
    await setTimeout(100);
  }
  leaveMemoryAlone();
  try {
    return createRequire(import.meta.url)(file) as Addon;
  } catch (cause) {
    const message = `the binding to MPI does not load: ${(cause as Error).message}`;
    const advice = `Has MPI changed? Remove ${folder}: the next run compiles it anew.`;
    throw new EvolveError('WORLD_FAILED', message, advice, { cause });
  }
}

/** MPICH's mpirun speaks with a process through a socket that the process inherits, unless what lies between closes it: npx does. */
function requireSocket(): void {
  const socket = process.env.PMI_FD;
  if (socket === undefined) return;
  try {
    if (fstatSync(Number(socket)).isSocket()) return;
  } catch {
    // Its number is of no open file.
  }
  // Process 0 tells it.
  if (launchOf().rank > 0) throw new EvolveError('INTERRUPTED', 'interrupted');
  throw new EvolveError(
    'WORLD_INVALID',
    "MPICH's mpirun cannot speak with its processes: what started them, such as npx, has closed its socket",
    'Use --processes, or have mpirun start evolve itself: mpirun -n 4 node_modules/.bin/evolve run …',
  );
}

/**
 * UCX, which carries MPICH's messages and sometimes Open MPI's, puts itself between a process and the system's memory and signals.
 * V8 does not bear that: it crashed. The library reads these variables while it is loaded.
 */
function leaveMemoryAlone(): void {
  process.env.UCX_MEM_EVENTS ??= 'no';
  process.env.UCX_HANDLE_ERRORS ??= 'none';
  process.env.UCX_ERROR_SIGNALS ??= '';
}

/** The file gets its name when it is whole: two that compile it do each other no harm. */
async function compile(mpicc: string, source: string, headers: string, file: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const partial = `${file}.${hostname()}.${process.pid}`;
  const link = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : [];
  const flags = ['-std=gnu11', '-O2', '-fPIC', '-shared', '-pthread', ...link, `-I${headers}`];
  try {
    await run(mpicc, [...flags, source, '-o', partial]);
    await rename(partial, file);
  } catch (error) {
    await rm(partial, { force: true });
    const { stderr = '', message } = error as Error & { stderr?: string };
    const said = stderr.trim().split('\n').slice(-6).join('\n  ') || message;
    throw new EvolveError(
      'WORLD_INVALID',
      `${mpicc} does not compile the binding to MPI:\n  ${said}`,
      INSTALL,
    );
  }
}

/** The folder of the package, wherever in it this file was compiled to. */
function packageFolder(): string {
  let folder = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(folder, 'package.json'))) folder = path.dirname(folder);
  return folder;
}
