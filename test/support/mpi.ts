import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { skip } from './skip.js';

/** Skips where there is no MPI to build with, or to start with. */
export function requireMpi(test: Mocha.Context): void {
  for (const [program, name] of [
    [process.env.EVOLVE_MPIRUN || 'mpirun', 'mpirun'],
    [process.env.EVOLVE_MPICC || 'mpicc', 'mpicc'],
  ])
    if (spawnSync(program, ['--version']).status !== 0) skip(test, `there is no ${name}`);
}

/** The arguments of mpirun for so many processes on this machine, whoever calls it. */
export function mpirunArguments(processes: number): string[] {
  const { stdout } = spawnSync(process.env.EVOLVE_MPIRUN || 'mpirun', ['--version'], { encoding: 'utf8' });
  const own = /Open MPI/.test(stdout) ? ['--oversubscribe', '--bind-to', 'none'] : [];
  const root = own.length > 0 && process.getuid?.() === 0 ? ['--allow-run-as-root'] : [];
  return ['-n', String(processes), ...own, ...root];
}

/** The number of the process of a rank whose command line has this text, on Linux. */
export function processOfRank(rank: number, text: string): number {
  const read = (pid: string, name: string) => {
    try {
      return readFileSync(`/proc/${pid}/${name}`, 'utf8').split('\0');
    } catch {
      return [];
    }
  };
  const found = readdirSync('/proc').find((pid) => {
    if (!/^\d+$/.test(pid) || !read(pid, 'cmdline').some((word) => word.includes(text))) return false;
    const variables = read(pid, 'environ');
    return [`OMPI_COMM_WORLD_RANK=${rank}`, `PMI_RANK=${rank}`].some((entry) => variables.includes(entry));
  });
  if (found === undefined) throw new Error(`no process of rank ${rank} has ${text} in its command line`);
  return Number(found);
}
