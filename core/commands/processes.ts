/** `evolve run --processes N`: has mpirun start the processes, and makes of what all of them say the output of one run. */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { EvolveError } from '../base/errors.js';
import { launchOf } from '../base/launch.js';
import { hostsOf } from './hostfile.js';
import { catchInterruption } from './interruption.js';
import { COLUMNS_VARIABLE } from './launched.js';
import { MpirunWords } from './mpirun-words.js';

/** How many processes, and on which hosts; without a file, on this one. */
export interface ProcessesOptions {
  readonly processes?: number;
  readonly hostfile?: string;
}

const INSTALL =
  'On Debian and Ubuntu apt-get install openmpi-bin libopenmpi-dev (or mpich libmpich-dev) brings it. EVOLVE_MPIRUN names another one.';

/** What is the same in all processes, on other hosts too. */
const PASSED = /^(EVOLVE_|CUDA_VISIBLE_DEVICES$|HF_|HUGGINGFACE_|NODE_OPTIONS$)/;

/** mpirun waits for hosts that are cut off, and MPICH's for those that never answered: it has so long to end after an error. */
const END_MS = 3000;

/** A host that does not answer is told after some seconds, and none is asked for a password. */
const SSH_OPTIONS = '-o ConnectTimeout=15 -o BatchMode=yes';

/** Whether the command is to start processes, instead of being one. @throws EvolveError COMMAND_LINE if it is one already */
export function startsProcesses({ processes, hostfile }: ProcessesOptions): boolean {
  const { size } = launchOf();
  if (processes === undefined && hostfile !== undefined) {
    const advice = 'Add --processes N, the processes on all hosts together.';
    throw new EvolveError('COMMAND_LINE', '--hostfile goes with --processes', advice);
  }
  if (processes !== undefined && size > 1) {
    const message = `--processes ${processes}: MPI has started ${size} processes already`;
    throw new EvolveError('COMMAND_LINE', message, 'Leave --processes out, or call evolve without mpirun.');
  }
  return processes !== undefined && processes > 1;
}

/**
 * Runs this very command line in so many processes. Ctrl-C ends them as it ends a run of one; the second ends them at once.
 *
 * @throws EvolveError WORLD_INVALID if there is no mpirun, WORLD_FAILED if it or a process ended without having told why
 */
export async function runProcesses(processes: number, hostfile: string | undefined): Promise<void> {
  const hosts = hostfile === undefined ? undefined : hostsOf(hostfile);
  const mpirun = process.env.EVOLVE_MPIRUN || 'mpirun';
  const isOpenMpi = await isOfOpenMpi(mpirun);
  if (hostfile === undefined && processes > availableParallelism())
    process.stderr.write(`evolve: ${processes} processes share ${availableParallelism()} cores\n`);
  const { stdout } = process;
  const columns = String(stdout.isTTY && process.env.TERM !== 'dumb' ? stdout.columns || 80 : 0);
  const env = { ...sshOptions(), ...process.env, [COLUMNS_VARIABLE]: columns };
  const args = isOpenMpi ? openMpiArgs(env, hosts) : hosts === undefined ? [] : ['-hosts', hosts];
  const interruption = catchInterruption();
  const command = [process.execPath, ...process.execArgv, ...ownArguments()];
  // In a group of its own: Ctrl-C reaches this process alone, which passes it on.
  const child = spawn(mpirun, ['-n', String(processes), ...args, ...command], {
    env,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.on('error', () => {});
  passInterruption(child, interruption.signal);
  const words = new MpirunWords();
  child.stdout.setEncoding('utf8').on('data', (chunk) => stdout.write(words.ownOutput(chunk)));
  const told = createInterface({ input: child.stderr }).on('line', (line) => {
    if (words.isOwn(line)) process.stderr.write(`${line}\n`);
    if (words.isOver) endSoon(child);
  });
  const status = await ended(child);
  // It may have been ended with its last line unread.
  told.close();
  stdout.write(words.ownOutput('', true));
  if (status === 0 || words.isTold || interruption.signal.aborted) {
    process.exitCode = status !== 0 && interruption.signal.aborted ? 130 : toldStatus(status);
    return;
  }
  throw words.fault(status);
}

/** That of the process that told what is wrong, if mpirun passes it on. */
const toldStatus = (status: number) => (status === 0 || status === 2 ? status : 1);

async function isOfOpenMpi(mpirun: string): Promise<boolean> {
  try {
    const { stdout } = await promisify(execFile)(mpirun, ['--version']);
    return /Open MPI|OpenRTE|PRRTE/i.test(stdout);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such program' : message;
    throw new EvolveError(
      'WORLD_INVALID',
      `--processes needs ${mpirun}, which is part of MPI: ${why}`,
      INSTALL,
    );
  }
}

/**
 * Processes may be more than cores, as the person says; each shares out the cores of its host by itself. Whoever runs evolve as root
 * means it.
 */
function openMpiArgs(env: NodeJS.ProcessEnv, hosts: string | undefined): string[] {
  const passed = Object.keys(env).filter((name) => PASSED.test(name));
  return [
    ...['--oversubscribe', '--bind-to', 'none'],
    ...(process.getuid?.() === 0 ? ['--allow-run-as-root'] : []),
    ...(hosts === undefined ? [] : ['--host', hosts]),
    ...passed.flatMap((name) => ['-x', name]),
  ];
}

/** The command line without what this file takes. */
function ownArguments(): string[] {
  const [, script, ...args] = process.argv;
  const isTaken = (i: number) => /^--(processes|hostfile)$/.test(args[i] ?? '');
  return [script, ...args.filter((arg, i) => !/^--(processes|hostfile)(=|$)/.test(arg) && !isTaken(i - 1))];
}

/** Process 0 reads of it on its standard input; the second time mpirun ends all. */
function passInterruption(child: ChildProcess, signal: AbortSignal): void {
  signal.addEventListener('abort', () => child.stdin?.write('interrupted\n'));
  let count = 0;
  const kill = () => {
    if (++count > 1) child.kill('SIGTERM');
  };
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, kill);
  child.on('close', () => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, kill);
  });
}

/** For what mpirun calls to reach a host, unless the person names that. */
function sshOptions(): NodeJS.ProcessEnv {
  const { OMPI_MCA_plm_rsh_agent, HYDRA_LAUNCHER_EXEC } = process.env;
  if (OMPI_MCA_plm_rsh_agent !== undefined || HYDRA_LAUNCHER_EXEC !== undefined) return {};
  return { OMPI_MCA_plm_rsh_args: SSH_OPTIONS, HYDRA_LAUNCHER_EXTRA_ARGS: SSH_OPTIONS };
}

const ending = new WeakSet<ChildProcess>();

/** Ends mpirun, if it does not end by itself. */
function endSoon(child: ChildProcess): void {
  if (ending.has(child)) return;
  ending.add(child);
  const terminate = setTimeout(() => child.kill('SIGTERM'), END_MS);
  const kill = setTimeout(() => {
    // With what it has started here, which is in its group.
    try {
      process.kill(-(child.pid as number), 'SIGKILL');
    } catch {
      // Only others hold its output open.
    }
    child.stdout?.destroy();
    child.stderr?.destroy();
  }, 2 * END_MS);
  child.once('close', () => {
    clearTimeout(terminate);
    clearTimeout(kill);
  });
}

function ended(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => resolve(status ?? (signal ? 1 : 0)));
  });
}
