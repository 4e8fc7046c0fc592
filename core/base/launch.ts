/** How this process was started: alone, or by MPI as one of several. */

import os from 'node:os';

/** One of the processes that mpirun, mpiexec or srun started together. */
export interface Launch {
  /** Its number, from 0, and how many there are. */
  readonly rank: number;
  readonly size: number;
  /** The same among those of its host. */
  readonly localRank: number;
  readonly localSize: number;
}

/** The variables that tell of it: of Open MPI, of MPICH and Intel MPI (Hydra), of PMIx and PMI-2 under Slurm. */
const RANKS = ['OMPI_COMM_WORLD_RANK', 'PMI_RANK', 'PMIX_RANK'];
const SIZES = ['OMPI_COMM_WORLD_SIZE', 'PMI_SIZE', 'SLURM_STEP_NUM_TASKS'];
const LOCAL_RANKS = ['OMPI_COMM_WORLD_LOCAL_RANK', 'MPI_LOCALRANKID', 'SLURM_LOCALID'];
const LOCAL_SIZES = ['OMPI_COMM_WORLD_LOCAL_SIZE', 'MPI_LOCALNRANKS'];

/** What the environment of a process tells; one that MPI did not start is alone. */
export function launchOf(env: NodeJS.ProcessEnv = process.env): Launch {
  const read = (names: readonly string[]) => {
    const text = names.map((name) => env[name]).find((value) => value !== undefined && /^\d+$/.test(value));
    return text === undefined ? undefined : Number(text);
  };
  const [rank, size] = [read(RANKS), read(SIZES)];
  // In a batch script of Slurm there are sizes too, but no rank.
  if (rank === undefined || size === undefined || rank >= size)
    return { rank: 0, size: 1, localRank: 0, localSize: 1 };
  const localRank = read(LOCAL_RANKS) ?? 0;
  return { rank, size, localRank, localSize: read(LOCAL_SIZES) ?? slurmTasks(env) ?? localRank + 1 };
}

/** Of `4(x2),3`, the tasks on each node in order, that of this node. */
function slurmTasks({ SLURM_STEP_TASKS_PER_NODE: text, SLURM_NODEID: node }: NodeJS.ProcessEnv) {
  const counts = (text ?? '').split(',').flatMap((part) => {
    const [, tasks, nodes = '1'] = /^(\d+)(?:\(x(\d+)\))?$/.exec(part) ?? [];
    return tasks === undefined ? [] : new Array<number>(Number(nodes)).fill(Number(tasks));
  });
  return counts.at(Number(node ?? 0));
}

/** How an error of this process is told in a run of several. */
export function processName(rank: number, host = os.hostname()): string {
  return `process ${rank} on ${host}`;
}
