import { type DataSource, EvolveError } from '../../../core/index.js';

const SHOWN = 10;

/**
 * Collects what is wrong with a data file, so that the person learns of all of it at once. Where the source skips faulty
 * records, it takes them instead.
 */
export class FaultList {
  readonly #faults: string[] = [];
  #count = 0;

  constructor(private readonly source: Pick<DataSource, 'skip'> = {}) {}

  /** `where` is the place within the file: `record 3`, or `line 17`. */
  add(where: string, fault: string): void {
    const { skip } = this.source;
    if (skip) skip({ where, fault });
    else if (this.#count++ < SHOWN) this.#faults.push(`  ${where}: ${fault}`);
  }

  /** @throws EvolveError if there was a fault */
  throwIfAny(file: string): void {
    if (this.#count === 0) return;
    const more = this.#count > SHOWN ? `\n  … and ${this.#count - SHOWN} more` : '';
    const message = `${file}: ${this.#count} faulty record${this.#count > 1 ? 's' : ''}\n${this.#faults.join('\n')}${more}`;
    throw new EvolveError('DATA_RECORD', message, 'Correct or remove these records.');
  }
}
