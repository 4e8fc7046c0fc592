/** A connection over which nothing came for so long is taken for dead. */
const SILENCE_MS = 60_000;

/** Aborts a request over which nothing comes for too long. */
export class Silence {
  #controller = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  /** For a new attempt. */
  start(): AbortSignal {
    this.#controller = new AbortController();
    this.#listen();
    return this.#controller.signal;
  }

  /** Nothing is waited for, until there is a new attempt or a body to watch. */
  pause(): void {
    clearTimeout(this.#timer);
  }

  /** The chunks of a body, each of which ends a silence. */
  async *watch(chunks: AsyncIterable<Uint8Array> | null): AsyncGenerator<Uint8Array> {
    this.#listen();
    try {
      for await (const chunk of chunks ?? []) {
        this.#timer?.refresh();
        yield chunk;
      }
    } finally {
      this.pause();
    }
  }

  #listen(): void {
    const { signal } = this.#controller;
    const abort = () => this.#controller.abort(new Error(`nothing came for ${SILENCE_MS / 1000} s`));
    if (!signal.aborted) this.#timer = setTimeout(abort, SILENCE_MS);
  }
}
