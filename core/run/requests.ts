import type { World } from '../contracts/world.js';
import type { RunControl } from '../plugins/plugin.js';

type Wish = 'save' | 'evaluate';

/** Keeps what plugins have asked of the run, until all its processes know of it and the trainer does it. */
export class RunRequests implements RunControl {
  /** Asked in this process since the last agreement. */
  #stopAsked: string | undefined;
  readonly #asked = new Set<Wish>();
  #stopReason: string | undefined;
  readonly #wanted = new Set<Wish>();

  /** Why the run should end, as all processes know; undefined if it goes on. */
  get stopReason(): string | undefined {
    return this.#stopReason;
  }

  stop(reason: string): void {
    if (typeof reason !== 'string' || reason === '') throw new TypeError('stop() takes a reason, as a text');
    this.#stopAsked ??= reason;
  }

  requestSave(): void {
    this.#asked.add('save');
  }

  requestEvaluate(): void {
    this.#asked.add('evaluate');
  }

  /** What was asked in one process holds in all: they must save, evaluate and end together. All call this at the same points. */
  async agree(world: World): Promise<void> {
    const asked = Float64Array.of(
      Number(this.#stopAsked !== undefined),
      Number(this.#asked.has('save')),
      Number(this.#asked.has('evaluate')),
    );
    if (world.size > 1) await world.sum(asked);
    const [stop, save, evaluate] = asked;
    if (stop) this.#stopReason ??= this.#stopAsked ?? 'a plugin asked for it in another process of the run';
    if (save) this.#wanted.add('save');
    if (evaluate) this.#wanted.add('evaluate');
    this.#asked.clear();
  }

  /** Whether a plugin asked for it before the last agreement. */
  take(what: Wish): boolean {
    return this.#wanted.delete(what);
  }
}
