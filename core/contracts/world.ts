/** What world plugins do: they join the processes of one run. */

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
}
