/** What world plugins do: they join the processes of one run. */

import type { MemoryUse } from '../base/memory.js';

/** The processes that train together. All call the same methods in the same order. */
export interface World {
  /** This process's number, from 0. */
  readonly rank: number;
  /** How many processes there are. */
  readonly size: number;
  /** Replaces each number by its sum over all processes. */
  sum(values: Float32Array | Float64Array): Promise<void>;
  /** Returns, in every process, what the process of rank 0 passed. */
  broadcast(bytes: Uint8Array): Promise<Uint8Array>;
  /** Waits until every process is here. */
  barrier(): Promise<void>;
  /**
   * Memory that the processes of a machine have in common. It is gone when the last of them is, however they end. Undefined, in
   * all processes of a machine, where there is one alone, or where the machine does not let them share. A world need not have it.
   *
   * @param sizes of the buffers in bytes, the same in all processes
   */
  share?(sizes: readonly number[]): Promise<SharedMemory | undefined>;
}

export interface SharedMemory {
  /** Of the sizes that were asked for; zeros at first. */
  readonly buffers: readonly ArrayBuffer[];
  /** Which of the processes that share them this is, from 0, and how many these are. */
  readonly place: number;
  readonly count: number;
}

/** What plugins see of the processes of a run. */
export interface Processes extends Pick<World, 'rank' | 'size'> {
  /**
   * Has large buffers made once a machine, where its processes can share memory, else in each process. All processes call it in
   * the same order. Nobody writes to the buffers afterwards.
   *
   * @param sizes in bytes, the same in all processes
   * @param make fills buffer `i`; called for those that this process makes, one after the other
   * @returns all buffers, filled
   * @throws EvolveError OUT_OF_MEMORY; what `make` throws
   */
  makeOnce(
    sizes: readonly number[],
    make: (i: number, buffer: ArrayBuffer) => Promise<void>,
    use: MemoryUse,
  ): Promise<readonly ArrayBuffer[]>;
}
