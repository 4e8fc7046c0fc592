import type { RunControl } from '../plugins/plugin.js';

/** Keeps what plugins have asked of the run, until the trainer does it. */
export class RunRequests implements RunControl {
  #stopReason: string | undefined;
  readonly #wanted = new Set<'save' | 'evaluate'>();

  /** Why the run should end; undefined if it goes on. */
  get stopReason(): string | undefined {
    return this.#stopReason;
  }

  stop(reason: string): void {
    this.#stopReason ??= reason;
  }

  requestSave(): void {
    this.#wanted.add('save');
  }

  requestEvaluate(): void {
    this.#wanted.add('evaluate');
  }

  /** Whether a plugin asked for it since the last call. */
  take(what: 'save' | 'evaluate'): boolean {
    return this.#wanted.delete(what);
  }
}
