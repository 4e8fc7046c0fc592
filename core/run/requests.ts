import type { RunControl } from '../plugins/plugin.js';
import type { RunWorld } from './run-world.js';

/** `keep`: of a save, that only those that plugins ask for may replace it. */
type Wish = 'save' | 'keep' | 'evaluate';

const WISHES: readonly Wish[] = ['save', 'keep', 'evaluate'];

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

  requestSave({ keep = false } = {}): void {
    this.#asked.add('save');
    if (keep) this.#asked.add('keep');
  }

  requestEvaluate(): void {
    this.#asked.add('evaluate');
  }

  /** What was asked in one process holds in all: they must save, evaluate and end together. All call this at the same points. */
  async agree(world: RunWorld): Promise<void> {
    const asked = WISHES.map((wish) => Number(this.#asked.has(wish)));
    const [stop, ...wishes] = await world.total(Number(this.#stopAsked !== undefined), ...asked);
    if (stop) this.#stopReason ??= this.#stopAsked ?? 'a plugin asked for it in another process of the run';
    for (const [i, wish] of WISHES.entries()) if (wishes[i]) this.#wanted.add(wish);
    this.#asked.clear();
  }

  /** Whether a plugin asked for it before the last agreement. */
  take(what: Wish): boolean {
    return this.#wanted.delete(what);
  }
}
