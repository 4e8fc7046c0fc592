import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { EvolveError } from '../base/errors.js';
import type { LanguageModel } from '../contracts/backbone.js';
import type { CachedSequence, KeyValueCache } from '../contracts/cache.js';
import type { Device } from '../contracts/device.js';
import { PagedCache } from './paged-cache.js';
import type { Answer, Search } from './search.js';

/**
 * How many texts are continued in one pass. The pass costs hardly more than that of a single text. On the native device it
 * uses the kernels for few rows, whose results do not depend on the number of rows.
 */
const MOST_ROWS = 32;

/** The event loop turns between two passes once so long has gone by: a turn costs as much as a pass of a tiny model. */
const MOST_BUSY_MS = 50;

export interface DecodeOptions {
  /**
   * A sequence of the decoder's cache that holds the beginning of the prompt, as `prefill` returns it. This part is not
   * computed again. The caller keeps it, and may free it once `submit` has returned.
   */
  readonly prefix?: CachedSequence | undefined;
  /** Stops this search. */
  readonly signal?: AbortSignal | undefined;
  /** Called when the search has got further. An error that it throws ends the search. */
  readonly onAdvance?: () => void;
}

/**
 * Does many searches side by side with one model, and takes further ones while it runs. Every pass computes one token of each
 * text. Searches that have ended leave, and others take their place. A prompt is computed in a pass of its own, so that no
 * answer depends on the others. The event loop turns between passes, about
 * every 50 ms.
 *
 *     const decoder = new Decoder(model, device);
 *     const answers = await Promise.all(searches.map((search) => decoder.submit(search)));
 */
export class Decoder {
  /** The cache of all its sequences: the device's own, or a PagedCache. */
  readonly cache: KeyValueCache;
  #waiting: Request[] = [];
  #active: Request[] = [];
  #isRunning = false;

  constructor(
    private readonly model: LanguageModel,
    device: Pick<Device, 'makeCache'> = {},
  ) {
    this.cache = device.makeCache?.() ?? new PagedCache();
  }

  /**
   * Does a search to its end. If it fails, the others go on. If a pass fails, all searches in it fail.
   *
   * @throws EvolveError NOT_FINITE if no token can be chosen, INTERRUPTED if `signal` aborts;
   *   RangeError if the prefix leaves nothing of the prompt to compute, or is of another cache
   */
  submit(search: Search, { prefix, signal, onAdvance }: DecodeOptions = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sequences = search.hypotheses.map(({ ids }) => this.#begin(ids.length, prefix));
      if (sequences.length === 0) return resolve(search.answer);
      this.#waiting.push(new Request(search, sequences, signal, onAdvance, resolve, reject));
      if (!this.#isRunning) void this.#run();
    });
  }

  /**
   * Computes the beginning of later prompts, at once. `submit` takes it as `prefix`. The caller frees it. A backbone whose
   * context tokens see those that follow refuses to compute a part of a context.
   */
  prefill(ids: readonly number[]): CachedSequence {
    const prefix = this.cache.begin();
    try {
      this.#compute([ids], [prefix]).dispose();
      return prefix;
    } catch (error) {
      prefix.free();
      throw error;
    }
  }

  #begin(tokens: number, prefix?: CachedSequence): CachedSequence {
    if (!prefix) return this.cache.begin();
    if (prefix.cache !== this.cache)
      throw new RangeError('the prefix is of another cache than the decoder has');
    if (prefix.length >= tokens) {
      throw new RangeError(`a prefix of ${prefix.length} tokens leaves nothing of a prompt of ${tokens}`);
    }
    return prefix.fork();
  }

  /** Pass after pass, while there is something to do. */
  async #run(): Promise<void> {
    this.#isRunning = true;
    let turnedAt = Number.NEGATIVE_INFINITY;
    for (;;) {
      if (performance.now() - turnedAt > MOST_BUSY_MS) {
        await setImmediate();
        turnedAt = performance.now();
      }
      this.#dropEnded();
      const next = this.#next();
      if (next.length === 0) break;
      await this.#advance(next);
    }
    this.#isRunning = false;
  }

  #dropEnded(): void {
    for (const request of [...this.#waiting, ...this.#active]) request.failIfAborted();
    this.#waiting = this.#waiting.filter(({ isOver }) => !isOver);
    this.#active = this.#active.filter(({ isOver }) => !isOver);
  }

  /** What the next pass computes: a request that begins, if there is room for it; else all that have begun. */
  #next(): readonly Request[] {
    const rows = this.#active.reduce((sum, { search }) => sum + search.width, 0);
    const [first] = this.#waiting;
    if (!first || (rows > 0 && rows + first.search.width > MOST_ROWS)) return this.#active;
    this.#waiting.shift();
    this.#active.push(first);
    return [first];
  }

  /** One pass for all hypotheses of these requests. */
  async #advance(requests: readonly Request[]): Promise<void> {
    let logits: tf.Tensor2D | undefined;
    try {
      const texts = requests.flatMap(({ search }) => search.hypotheses.map(({ ids }) => ids));
      const sequences = requests.flatMap((request) => request.sequences);
      logits = this.#compute(texts, sequences);
      const values = (await logits.data()) as Float32Array;
      const vocabulary = logits.shape[1];
      let row = 0;
      for (const request of requests) {
        request.advance(request.sequences.map(() => values.subarray(row * vocabulary, ++row * vocabulary)));
      }
    } catch (error) {
      for (const request of requests) request.fail(error);
    } finally {
      logits?.dispose();
    }
  }

  /** What follows each text: logits `[texts, vocabulary]`. Its sequence then holds the whole text. */
  #compute(texts: readonly (readonly number[])[], sequences: readonly CachedSequence[]): tf.Tensor2D {
    const examples = texts.map((ids) => {
      const inputIds = Int32Array.from(ids);
      return { inputIds, spans: [] };
    });
    const pass = this.cache.pass(this.model.collate(examples), sequences);
    const logits = tf.tidy(() => this.model.nextLogits(pass.batch, pass));
    pass.commit();
    return logits;
  }
}

/** A search that was submitted. */
class Request {
  readonly #scores: Float32Array[] = [];

  constructor(
    readonly search: Search,
    /** One for each hypothesis; none once the request is over. */
    public sequences: readonly CachedSequence[],
    private readonly signal: AbortSignal | undefined,
    private readonly onAdvance: (() => void) | undefined,
    private readonly resolve: (answer: Answer) => void,
    private readonly reject: (reason: unknown) => void,
  ) {}

  get isOver(): boolean {
    return this.sequences.length === 0;
  }

  /** Gives the search its scores. The cached sequences follow its hypotheses. */
  advance(scores: readonly Float32Array[]): void {
    try {
      this.failIfAborted();
      if (this.isOver) return;
      const { search, sequences } = this;
      search.advance(scores.map((ofHypothesis, i) => this.#copied(ofHypothesis, i)));
      this.sequences = search.hypotheses.map(({ parent }) => sequences[parent].fork());
      for (const sequence of sequences) sequence.free();
      this.onAdvance?.();
      if (this.isOver) this.resolve(search.answer);
    } catch (error) {
      this.fail(error);
    }
  }

  /** The scores in an array of the search's own. It is the same one each time: fresh ones keep the garbage collector busy. */
  #copied(scores: Float32Array, i: number): Float32Array {
    this.#scores[i] ??= new Float32Array(scores.length);
    this.#scores[i].set(scores);
    return this.#scores[i];
  }

  failIfAborted(): void {
    if (!this.signal?.aborted) return;
    const message = 'interrupted before the answer was finished';
    this.fail(new EvolveError('INTERRUPTED', message, '', { cause: this.signal.reason }));
  }

  fail(error: unknown): void {
    for (const sequence of this.sequences) sequence.free();
    this.sequences = [];
    // If the promise is settled already, this does nothing.
    this.reject(error);
  }
}

export interface DecodeAllOptions {
  readonly device?: Pick<Device, 'makeCache'> | undefined;
  /** Stops all of them. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Does many searches with a decoder of their own. If one fails, all are stopped.
 *
 * @param onAdvance called when a search has got further
 * @throws as `Decoder.submit` does, for the first that fails
 */
export async function decode(
  model: LanguageModel,
  searches: readonly Search[],
  onAdvance: (search: Search) => void = () => {},
  { device, signal }: DecodeAllOptions = {},
): Promise<void> {
  const decoder = new Decoder(model, device);
  const failure = new AbortController();
  const any = signal ? AbortSignal.any([signal, failure.signal]) : failure.signal;
  const answers = searches.map((search) =>
    decoder.submit(search, { signal: any, onAdvance: () => onAdvance(search) }),
  );
  try {
    await Promise.all(answers);
  } catch (error) {
    failure.abort();
    // Until then sequences are in use.
    await Promise.allSettled(answers);
    throw error;
  }
}
