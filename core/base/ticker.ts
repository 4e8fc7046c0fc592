/** Says when it is time to tell how far something is: at most once a second, and not in the first, as most is done by then. */
export class Ticker {
  #last = performance.now();
  /** Whether anything was told. */
  told = false;

  isDue(): boolean {
    if (performance.now() - this.#last < 1000) return false;
    this.#last = performance.now();
    this.told = true;
    return true;
  }
}
