/** The MPIs of this machine. Tests of several processes run over each: `describeMpi('a run', (mpi) => { … })`. */

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { skip } from './skip.js';

const KINDS = { 'Open MPI': /Open MPI/, MPICH: /HYDRA|MPICH/i } as const;
const PACKAGES = { 'Open MPI': 'openmpi-bin and libopenmpi-dev', MPICH: 'mpich and libmpich-dev' } as const;

export interface Mpi {
  readonly kind: keyof typeof KINDS;
  readonly mpirun: string;
  /** What makes evolve use it. */
  readonly env: Readonly<Record<'EVOLVE_MPIRUN' | 'EVOLVE_MPICC', string>>;
}

/** Declares tests for Open MPI and for MPICH; those of one that is not there are skipped. */
export function describeMpi(title: string, declare: (mpi: Mpi) => void): void {
  for (const kind of Object.keys(KINDS) as (keyof typeof KINDS)[]) {
    const mpi = findMpi(kind);
    describe(`${title} (${kind})`, () => {
      if (mpi) declare(mpi);
      else
        it('is not here', function () {
          skip(this, `there is no ${kind}: packages ${PACKAGES[kind]}`);
        });
    });
  }
}

/** Debian calls its programs by their kind, where both are installed. */
export function findMpi(kind: keyof typeof KINDS): Mpi | undefined {
  const { EVOLVE_MPIRUN = 'mpirun', EVOLVE_MPICC = 'mpicc' } = process.env;
  const suffix = kind === 'MPICH' ? 'mpich' : 'openmpi';
  for (const [mpirun, mpicc] of [
    [EVOLVE_MPIRUN, EVOLVE_MPICC],
    [`mpirun.${suffix}`, `mpicc.${suffix}`],
  ]) {
    const { stdout } = spawnSync(mpirun, ['--version'], { encoding: 'utf8' });
    const compiler = spawnSync(mpicc, ['-show'], { encoding: 'utf8' });
    if (stdout && KINDS[kind].test(stdout) && compiler.status === 0)
      return { kind, mpirun, env: { EVOLVE_MPIRUN: mpirun, EVOLVE_MPICC: mpicc } };
  }
  return undefined;
}

/** The arguments of mpirun for so many processes on this machine, whoever calls it. */
export function mpirunArguments({ kind }: Mpi, processes: number): string[] {
  const root = process.getuid?.() === 0 ? ['--allow-run-as-root'] : [];
  const own = kind === 'Open MPI' ? ['--oversubscribe', '--bind-to', 'none', ...root] : [];
  return ['-n', String(processes), ...own];
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
