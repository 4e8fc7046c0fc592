/** The processes of a run: what they sum, and how they end together. */

import { unlessAborted } from '../base/breath.js';
import { allocate, expectRoom } from '../base/memory.js';
import { tf } from '../base/tf.js';
import type { Gradients } from '../contracts/optimizer.js';
import type { Processes, World } from '../contracts/world.js';
import { shareOut } from './share-out.js';

/** An interrupted process waits so long for the others, which may have one more micro-batch to compute. */
const PATIENCE_MS = 10_000;

/** Room for so many numbers in a total, besides whether a process was interrupted, unless more is asked for. */
const ROOM = 7;

/** A world as a run uses it. Of two processes or more, one that is interrupted does not end alone if the others answer. */
export class RunWorld implements Processes {
  readonly rank: number;
  readonly size: number;
  #room = ROOM;
  /** All have learned that the run ends, and call the world no more. */
  #isOver = false;

  /**
   * @param signal aborted when this process is to end
   * @param interruption the error with which it ends then, or because another one ends
   */
  constructor(
    private readonly world: World,
    private readonly signal: AbortSignal,
    private readonly interruption: () => unknown,
  ) {
    ({ rank: this.rank, size: this.size } = world);
  }

  /**
   * Totals are of so many numbers, or of fewer. All totals of a run are of one length: one process may be interrupted within a
   * metric, while another goes on to the total of the next metric.
   */
  makeRoom(numbers: number): void {
    this.#room = Math.max(ROOM, numbers);
  }

  /** True where the work at hand should be left, and the next total be asked for: there all learn of it. */
  get isEnding(): boolean {
    return this.size > 1 && this.signal.aborted;
  }

  /**
   * Sums of numbers over all processes, in double precision.
   *
   * @throws the interruption, in every process, if one of several was interrupted; none of them has the sums then
   */
  async total(...numbers: number[]): Promise<number[]> {
    if (this.size === 1) return numbers;
    if (this.#isOver) throw this.interruption();
    const sums = new Float64Array(1 + this.#room);
    sums.set([Number(this.signal.aborted), ...numbers]);
    await this.#answered(this.world.sum(sums));
    this.#isOver = sums[0] > 0;
    if (this.#isOver) throw this.interruption();
    return [...sums.subarray(1, numbers.length + 1)];
  }

  /**
   * The gradients of a step, summed over all processes. (A process without a micro-batch has none.) They go through the world
   * in one flat array. Those that are replaced are freed.
   */
  async sumGradients(variables: ReadonlyMap<string, tf.Variable>, gradients: Gradients): Promise<Gradients> {
    if (this.size === 1) return gradients;
    const sizes = Array.from(variables.values(), ({ size }) => size);
    const flat = new Float32Array(sizes.reduce((total, size) => total + size, 0));
    let at = 0;
    for (const [i, name] of [...variables.keys()].entries()) {
      const gradient = gradients.get(name);
      if (gradient) flat.set(await gradient.data<'float32'>(), at);
      at += sizes[i];
    }
    await this.#answered(this.world.sum(flat));
    tf.dispose([...gradients.values()]);
    const summed = new Map<string, tf.Tensor>();
    at = 0;
    for (const [name, { shape, size }] of variables) {
      summed.set(name, tf.tensor(flat.slice(at, at + size), shape, 'float32'));
      at += size;
    }
    return summed;
  }

  /** In every process, the bytes of process 0. */
  async broadcast(bytes: Uint8Array): Promise<Uint8Array> {
    return this.#answered(this.world.broadcast(bytes));
  }

  /** Replaces each number by its sum over all processes. */
  async sum(values: Float64Array): Promise<void> {
    await this.#answered(this.world.sum(values));
  }

  /** As in `Processes`: the processes of a machine make equal shares of the bytes. */
  makeOnce: Processes['makeOnce'] = async (sizes, make, use) => {
    if (this.size === 1 || !this.world.share) return makeAlone(sizes, make, use);
    expectRoom(
      sizes.reduce((total, size) => total + size, 0),
      use,
    );
    const shared = await this.#answered(this.world.share(sizes));
    const makers = shared && shareOut(sizes, shared.count);
    for (const [i, maker] of makers?.entries() ?? [])
      if (maker === shared?.place) await make(i, shared.buffers[i]);
    const buffers = shared?.buffers ?? (await makeAlone(sizes, make, use));
    await this.#answered(this.world.barrier());
    return buffers;
  };

  /** What the other processes answer; the interruption, if they do not although this one is interrupted. */
  async #answered<T>(answer: Promise<T>): Promise<T> {
    try {
      return await unlessAborted(answer, this.signal, PATIENCE_MS);
    } catch (error) {
      // A world may end its calls by itself then.
      throw this.signal.aborted ? this.interruption() : error;
    }
  }
}

/** `makeOnce` where there is one process, or nothing is shared. */
export const makeAlone: Processes['makeOnce'] = async (sizes, make, use) => {
  const buffers: ArrayBuffer[] = [];
  for (const [i, size] of sizes.entries()) {
    buffers.push(allocate(size, use));
    await make(i, buffers[i]);
  }
  return buffers;
};
