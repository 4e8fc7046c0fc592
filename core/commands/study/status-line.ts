/** One line on a terminal that says what is done now. Elsewhere there is none. */

import { printable } from '../../base/printable.js';

export class StatusLine {
  readonly #stream = process.stderr;

  show(text: string): void {
    if (!this.#stream.isTTY) return;
    // A line that is broken could not be overwritten.
    const room = (this.#stream.columns ?? 80) - 1;
    this.#stream.write(`\r\x1b[K${printable([...text].slice(0, room).join(''))}`);
  }

  clear(): void {
    if (this.#stream.isTTY) this.#stream.write('\r\x1b[K');
  }
}
