/** The processes that MPI started, on one machine or many: mpirun, mpiexec or srun starts them, and MPI sums what they compute. */

import {
  definePlugin,
  EvolveError,
  launchOf,
  processName,
  type SharedMemory,
  type World,
  z,
} from '../../../core/index.js';
import { CALL, loadAddon } from './addon.js';

/** After so many seconds without a beat a process, or its host, is taken for dead. */
const SILENCE_SECONDS = 15;

const RESUME = 'The same command with --resume goes on from the last checkpoint.';

export default definePlugin({
  name: 'mpi',
  apiVersion: 2,
  family: 'worlds',
  schema: z.strictObject({
    /** A process that computes for so many seconds without returning to its event loop is taken for hanging. */
    patience: z.number().positive().default(600),
  }),
  apply(trainer, { patience }) {
    let mpi: Mpi | undefined;
    trainer.hooks.openWorld.tap(async () => {
      // Without mpirun it needs no MPI.
      if (launchOf().size === 1) return ALONE;
      mpi = await Mpi.open(patience);
      trainer.notice(mpi.description);
      return mpi.world;
    });
    trainer.hooks.done.tap(async ({ error }) => mpi?.end(error?.message));
  },
});

const ALONE: World = {
  rank: 0,
  size: 1,
  sum: async () => {},
  broadcast: async (bytes) => bytes,
  barrier: async () => {},
};

/** What of MPI is open in this process. */
class Mpi {
  #failure: EvolveError | undefined;
  /** Ends the call that waits. */
  #fail: ((error: EvolveError) => void) | undefined;
  #isClosed = false;
  #hosts: readonly string[] = [];
  world = ALONE;

  private constructor(private readonly addon: Awaited<ReturnType<typeof loadAddon>>) {}

  static async open(patience: number): Promise<Mpi> {
    const launch = launchOf();
    const addon = await loadAddon(launch.localRank === 0);
    const mpi = new Mpi(addon);
    const json = process.argv.includes('--json');
    const onFault = (...fault: Parameters<Mpi['onFault']>) => mpi.onFault(...fault);
    const opened = await addon.open(SILENCE_SECONDS, patience, json, onFault).catch((cause: Error) => {
      throw new EvolveError('WORLD_FAILED', `MPI does not start: ${cause.message}`, RESUME, { cause });
    });
    if (opened.size !== launch.size) {
      addon.release();
      throw new EvolveError(
        'WORLD_INVALID',
        `${launch.size} processes were started, but MPI joins ${opened.size}: mpirun and mpicc are of two kinds of MPI`,
        'Let both be of one, Open MPI or MPICH; EVOLVE_MPICC and EVOLVE_MPIRUN name them.',
      );
    }
    mpi.#hosts = opened.hosts;
    mpi.world = mpi.#worldOf(opened.rank, opened.size);
    setInterval(() => addon.turn(), 250).unref();
    // However the process ends, the others do not wait for it.
    process.once('exit', (status) => {
      if (!mpi.#isClosed) addon.abort(status || 1);
    });
    return mpi;
  }

  /** `4 processes: 2 on a, 2 on b`. */
  get description(): string {
    const counts = new Map<string, number>();
    for (const host of this.#hosts) counts.set(host, (counts.get(host) ?? 0) + 1);
    const shown = [...counts].slice(0, 8).map(([host, count]) => `${count} on ${host}`);
    const more = counts.size > shown.length ? [`and on ${counts.size - shown.length} more hosts`] : [];
    return `${this.#hosts.length} processes: ${[...shown, ...more].join(', ')}`;
  }

  #worldOf(rank: number, size: number): World {
    return {
      rank,
      size,
      sum: async (values) => {
        await this.#call(values instanceof Float32Array ? CALL.sumFloat : CALL.sumDouble, values);
      },
      broadcast: async (bytes) => {
        const length = Float64Array.of(rank === 0 ? bytes.length : 0);
        await this.#call(CALL.sumDouble, length);
        const given = rank === 0 ? Uint8Array.from(bytes) : new Uint8Array(length[0]);
        await this.#call(CALL.broadcast, given);
        return given;
      },
      barrier: async () => {
        await this.#call(CALL.barrier);
      },
      share: (sizes) => this.#call(CALL.share, Float64Array.from(sizes)),
    };
  }

  async #call(
    kind: number,
    values?: Float32Array | Float64Array | Uint8Array,
  ): Promise<SharedMemory | undefined> {
    if (this.#failure) throw this.#failure;
    return new Promise((resolve, reject) => {
      this.#fail = reject;
      this.addon.call(kind, values).then(resolve, (cause: Error) => {
        reject(new EvolveError('WORLD_FAILED', `MPI: ${cause.message}`, RESUME, { cause }));
      });
    });
  }

  /** In process 0: another one fails, of which this one ends with an error that tells why. */
  onFault(about: number, isTold: boolean | number, text: string): void {
    const message = isTold ? `${processName(about, this.#hosts[about])}: ${text}` : text;
    this.#failure ??= new EvolveError('WORLD_FAILED', message, RESUME);
    this.#fail?.(this.#failure);
  }

  /**
   * All processes end together. Where one fails, process 0 tells it and ends the others: those wait for that.
   *
   * @param fault why this one fails
   */
  async end(fault: string | undefined): Promise<void> {
    if (fault === undefined) {
      await this.#call(CALL.close);
      this.#isClosed = true;
    } else if (this.world.rank > 0) {
      this.addon.tell(fault);
      await new Promise(() => {});
    }
    this.addon.release();
  }
}
