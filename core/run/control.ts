import type { RunControl } from '../plugins/plugin.js';

/** What plugins have asked of the run, until the trainer does it. */
export class RunRequests implements RunControl {
  #stopReason: string | undefined;
  readonly #wanted = new Set<'save' | 'evaluate'>();

  /** Why the run is to end; undefined where it goes on. */
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

  /** Whether somebody asked for it since the last time. */
  take(what: 'save' | 'evaluate'): boolean {
    return this.#wanted.delete(what);
  }
}
