/** Records that cannot be trained on, and are left out where the configuration allows it (`data.onBadRow`). */

import { inject, injectable } from 'tsyringe';
import { EvolveError } from '../base/errors.js';
import { HOOKS, RUN_CONFIG } from '../base/injection-keys.js';
import type { RunConfig } from '../config/load.js';
import type { BadRow } from '../contracts/dataset.js';
import type { Hooks } from '../plugins/hooks.js';

/** So many are told; the output folder has all. */
const SHOWN = 10;

@injectable()
export class BadRows {
  readonly rows: (BadRow & { readonly source: string })[] = [];

  constructor(
    @inject(RUN_CONFIG) private readonly config: RunConfig,
    @inject(HOOKS) private readonly hooks: Hooks,
  ) {}

  /** What takes the bad rows of a source; undefined if the first one is to stop the run. */
  takerOf(source: string): ((row: BadRow) => void) | undefined {
    if (this.config.data.onBadRow === 'stop') return undefined;
    return (row) => {
      this.rows.push({ source, ...row });
    };
  }

  /**
   * @param total how many records there are, faulty ones included
   * @throws EvolveError DATA_RECORD if the share of bad ones is above what is allowed
   */
  check(total: number): void {
    const { onBadRow } = this.config.data;
    const most = typeof onBadRow === 'object' ? onBadRow.skip : 1;
    if (this.rows.length <= most * total) return;
    const share = (100 * this.rows.length) / total;
    const message = `${this.#counted(total)} faulty (${share.toFixed(2)} %), which is more than data.onBadRow allows, ${100 * most} %`;
    throw new EvolveError('DATA_RECORD', message + this.#listed(), 'Correct them, or allow more.', {
      at: ['data', 'onBadRow'],
    });
  }

  /** Tells the person, where there are some. */
  tell(total: number): void {
    if (this.rows.length === 0) return;
    const message = `${this.#counted(total)} faulty, and left out (skipped.jsonl in the output folder has all)`;
    this.hooks.log.call({ type: 'notice', message: message + this.#listed() });
  }

  #counted(total: number): string {
    return `${this.rows.length} of ${total} records ${this.rows.length === 1 ? 'is' : 'are'}`;
  }

  #listed(): string {
    const lines = this.rows
      .slice(0, SHOWN)
      .map(({ source, where, fault }) => `\n  ${source}, ${where}: ${fault}`);
    const more = this.rows.length - SHOWN;
    return `:${lines.join('')}${more > 0 ? `\n  … and ${more} more` : ''}`;
  }
}
