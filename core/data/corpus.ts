/** From sources to rows in tokens: read and encoded as a stream, or found in the cache of an earlier run. */

import { availableParallelism } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { inject, injectable } from 'tsyringe';
import { Breath, interruptionOf } from '../base/breath.js';
import { EvolveError } from '../base/errors.js';
import { BAD_ROWS, EXAMPLE_READER, HOOKS, RUN_CONFIG, SIGNAL } from '../base/injection-keys.js';
import type { RunConfig } from '../config/load.js';
import type { DataSource } from '../contracts/dataset.js';
import type { Encoder } from '../contracts/encoder.js';
import type { LogEvent } from '../contracts/tracker.js';
import type { Hooks } from '../plugins/hooks.js';
import type { BadRows } from './bad-rows.js';
import { CorpusBuilder, type CorpusFacts } from './corpus-builder.js';
import { corpusKey, isBuiltIn } from './corpus-key.js';
import { type CachedCorpus, CorpusPlace, writeFault } from './corpus-place.js';
import { bitsOf } from './encode-batch.js';
import { EncodingPool } from './encoding-pool.js';
import type { ExampleReader } from './examples.js';
import { toldOfLong } from './long-rows.js';
import { CACHE_FORM, TokenCache } from './token-cache.js';
import { TokenStore, TokenStoreWriter } from './token-store.js';

/** The rows of all sources, in the order of the data. */
export interface Corpus {
  readonly store: TokenStore;
  readonly facts: CorpusFacts;
  /** Of the rows: the same rows have the same. */
  readonly sha256: string;
}

/** What rows are made with. */
export interface CorpusParts {
  readonly encoder: Encoder;
  /** What it was made of. */
  readonly identity: string;
  /** Starts a thread with the same encoder. */
  readonly startWorker: () => Worker;
}

/** More threads would wait for the one that reads. */
const MOST_WORKERS = 16;

/** What is encoded in a second or less needs no cache. */
const MOST_IN_MEMORY = 2 * 2 ** 20;

@injectable()
export class CorpusMaker {
  /** Corpora of more bytes go into files, and are kept for later runs. */
  mostInMemory = MOST_IN_MEMORY;

  constructor(
    @inject(RUN_CONFIG) private readonly config: RunConfig,
    @inject(HOOKS) private readonly hooks: Hooks,
    @inject(SIGNAL) private readonly signal: AbortSignal,
    @inject(EXAMPLE_READER) private readonly reader: ExampleReader,
    @inject(BAD_ROWS) private readonly badRows: BadRows,
  ) {}

  /**
   * The rows of the configuration's sources. What is left out, and why, is told and counted.
   *
   * @throws EvolveError DATA_… that tells of all faulty records, of all sources
   */
  async make(parts: CorpusParts): Promise<Corpus> {
    const cache = new TokenCache<CachedCorpus>();
    const sources = await this.reader.sources();
    const key = await this.#keyOf(sources, parts, cache);
    for (;;) {
      const found = key === undefined ? undefined : await cache.find(key);
      if (found) return this.#told(await this.#opened(found));
      const maker = key === undefined ? undefined : cache.makerOf(key);
      const built = maker === undefined ? await this.#build(sources, parts, cache, key) : undefined;
      if (built) return this.#told(built);
      await this.#waitFor(key as string, cache);
    }
  }

  async #keyOf(
    sources: readonly DataSource[],
    { identity }: CorpusParts,
    cache: TokenCache<CachedCorpus>,
  ): Promise<string | undefined> {
    if (!this.config.data.cache || !isBuiltIn(this.hooks)) return undefined;
    const { data } = this.config;
    return corpusKey({ data, sources, encoder: identity }, cache);
  }

  async #opened({ folder, facts }: { folder: string; facts: CachedCorpus }): Promise<Corpus> {
    for (const message of facts.notices) this.hooks.log.call({ type: 'notice', message });
    this.badRows.rows.push(...facts.badRows);
    const store = await TokenStore.open(folder, facts);
    return { store, facts: facts.corpus, sha256: facts.files.rows.sha256 };
  }

  async #waitFor(key: string, cache: TokenCache<CachedCorpus>): Promise<void> {
    const maker = cache.makerOf(key);
    if (maker === undefined) return;
    const message = `process ${maker} encodes the same data: its rows will be taken`;
    this.hooks.log.call({ type: 'notice', message });
    while (cache.makerOf(key) !== undefined) {
      if (this.signal.aborted) throw interruptionOf(this.signal);
      await setTimeout(200);
    }
  }

  /** Undefined if another process turned out to make the same. */
  async #build(
    sources: readonly DataSource[],
    parts: CorpusParts,
    cache: TokenCache<CachedCorpus>,
    key: string | undefined,
  ): Promise<Corpus | undefined> {
    const { encoder } = parts;
    const place = new CorpusPlace(cache, key, (message) => this.hooks.log.call({ type: 'notice', message }));
    const writer = new TokenStoreWriter(bitsOf(encoder), this.mostInMemory, () => place.make());
    const pool = new EncodingPool({
      encoder,
      settings: this.config.data,
      signal: this.signal,
      startWorker: isBuiltIn(this.hooks) ? parts.startWorker : undefined,
      workers: Math.min(availableParallelism(), MOST_WORKERS),
    });
    const notices: string[] = [];
    const listen = (event: LogEvent) => {
      if (event.type === 'notice') notices.push(event.message);
    };
    try {
      const builder = new CorpusBuilder(this.config, this.hooks, this.reader, this.badRows, listen);
      const facts = await builder.build(sources, pool, writer, new Breath(this.signal));
      const { store, files } = await writer.finish();
      const corpus = { store, facts, sha256: files.rows.sha256 };
      if (place.isCached && (await this.#keyOf(sources, parts, cache)) !== key) throw changed();
      await place.complete({
        form: CACHE_FORM,
        bits: bitsOf(encoder),
        count: store.count,
        files,
        names: facts.sources,
        corpus: facts,
        badRows: this.badRows.rows,
        notices,
      });
      return corpus;
    } catch (error) {
      await writer.abandon();
      await place.abandon();
      this.badRows.rows.length = 0;
      if (error === place.taken) return undefined;
      throw writeFault(error, place.folder);
    } finally {
      await pool.close();
    }
  }

  /** Tells what was left out. @throws EvolveError if nothing is left */
  #told(corpus: Corpus): Corpus {
    const { examples, counts } = corpus.facts;
    const { cutoffLength } = this.config.data;
    const total = examples + this.badRows.rows.length;
    const tell = (message: string) => this.hooks.log.call({ type: 'notice', message });
    const tellLeftOut = (count: number, reason: string) => {
      const [verb, whose] = count === 1 ? ['is', 'its'] : ['are', 'their'];
      if (count > 0) tell(`${count} of ${examples} records ${verb} left out: ${whose} ${reason}`);
    };
    for (const [name, count] of Object.entries(counts.empty)) tellLeftOut(count, `${name} empty`);
    tellLeftOut(counts.filled, `prompt alone fills data.cutoffLength (${cutoffLength} tokens)`);
    for (const message of toldOfLong(counts.long, cutoffLength)) tell(message);
    this.badRows.check(total);
    this.badRows.tell(total);
    if (corpus.store.count > 0) return corpus;
    const message = `there is no usable record among ${examples}`;
    const advice = 'Raise data.cutoffLength, or check "output" in the records.';
    throw new EvolveError('DATA_EMPTY', message, advice, { at: ['data', 'sources'] });
  }
}

function changed(): EvolveError {
  const message = 'the data changed while it was read';
  return new EvolveError('DATA_FILE', message, 'Run again when nobody writes to it.', {
    at: ['data', 'sources'],
  });
}
