import { setImmediate } from 'node:timers/promises';
import { EvolveError } from '../base/errors.js';
import { tf } from '../base/tf.js';
import type { LanguageModel } from '../contracts/backbone.js';
import type { CachedSequence, KeyValueCache } from '../contracts/cache.js';
import type { Device } from '../contracts/device.js';
import { describeLengthLimit } from '../contracts/length-limit.js';
import { PagedCache } from './paged-cache.js';
import type { Answer, Search } from './search.js';

/**
 * How many texts are continued in one pass. The pass costs hardly more than that of a single text. On the native device it
 * uses the kernels for few rows, whose results do not depend on the number of rows.
 */
const MOST_ROWS = 32;

/** The searches that some decoder does. In the hands of two they would get scores of texts that they have left behind. */
const underWay = new WeakSet<Search>();

/**
 * The event loop turns between two passes once so long has gone by. A turn costs a few microseconds: nothing beside a pass of
 * a real model, after each of which it turns, but a share of the passes of a tiny one.
 */
const MOST_BUSY_MS = 1;

export interface DecodeOptions {
  /**
   * The beginning of the prompt, as `prefill` of this decoder returned it. This part is not computed again. The caller keeps it, and may free it once `submit` has returned.
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
 * answer depends on the others. The event loop turns after each pass that takes a millisecond or more, and after a
 * millisecond of shorter ones; what is submitted or aborted then counts for the next pass.
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
  /** What `prefill` has computed. */
  readonly #prefixes = new WeakMap<CachedSequence, readonly number[]>();

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
   *   RangeError if the prefix is not what `prefill` made of the prompt's beginning, or leaves nothing of it to compute, or if the
   *   search goes beyond the model's positions; Error if it is under way already, or the prefix is freed
   */
  submit(search: Search, { prefix, signal, onAdvance }: DecodeOptions = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (search.hypotheses.length === 0) return resolve(search.answer);
      this.#check(search, prefix);
      const sequences = search.hypotheses.map(() => prefix?.fork() ?? this.cache.begin());
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
      this.#prefixes.set(prefix, [...ids]);
      return prefix;
    } catch (error) {
      prefix.free();
      throw error;
    }
  }

  /** Refuses a search whose answer would be wrong. */
  #check(search: Search, prefix?: CachedSequence): void {
    if (underWay.has(search)) throw new Error('the search is under way already: make one for each answer');
    const tokens = search.hypotheses[0].ids.length;
    if (tokens >= this.model.maxLength) {
      throw new RangeError(`the prompt has ${tokens} tokens, but ${describeLengthLimit(this.model)}`);
    }
    // Not `>`: a search in plain JavaScript may have no limit.
    if (!(search.limit <= this.model.maxLength)) {
      throw new RangeError(`the search's limit is ${search.limit}, but ${describeLengthLimit(this.model)}`);
    }
    if (prefix) for (const { ids } of search.hypotheses) this.#checkPrefix(prefix, ids);
  }

  #checkPrefix(prefix: CachedSequence, ids: readonly number[]): void {
    if (prefix.cache !== this.cache)
      throw new RangeError('the prefix is of another cache than the decoder has');
    const own = this.#prefixes.get(prefix);
    if (!own) throw new RangeError('the prefix is none that `prefill` of this decoder returned');
    if (own.length >= ids.length) {
      throw new RangeError(`a prefix of ${own.length} tokens leaves nothing of a prompt of ${ids.length}`);
    }
    const at = own.findIndex((id, i) => id !== ids[i]);
    if (at === -1) return;
    const difference = `its token ${at + 1} is ${own[at]}, that of the prompt ${ids[at]}`;
    throw new RangeError(`the prefix is of another prompt: ${difference}`);
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
  ) {
    underWay.add(search);
  }

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
      if (!this.isOver) return;
      underWay.delete(search);
      this.resolve(search.answer);
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
    underWay.delete(this.search);
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
