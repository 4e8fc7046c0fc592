/** Reads all sources once, and has their examples encoded meanwhile. */

import type { Breath } from '../base/breath.js';
import { EvolveError } from '../base/errors.js';
import { Ticker } from '../base/ticker.js';
import type { RunConfig } from '../config/load.js';
import type { Example } from '../contracts/dataset.js';
import type { LogEvent } from '../contracts/tracker.js';
import type { Hooks } from '../plugins/hooks.js';
import type { BadRows } from './bad-rows.js';
import type { EncodedBatch, EncodingCounts, ExampleFault } from './encode-batch.js';
import type { EncodingPool } from './encoding-pool.js';
import type { ExampleReader } from './examples.js';
import { noLongRows } from './long-rows.js';
import type { TokenStoreWriter } from './token-store.js';

/** What is known of a corpus besides its rows. */
export interface CorpusFacts {
  /** The names of sources and languages, as rows number them. Language 0 is none. */
  readonly sources: readonly string[];
  readonly languages: readonly string[];
  /** How many examples were read: not those that were faulty. */
  readonly examples: number;
  /** How many rows each entry of `data.sources` has. Rows are in the order of the entries. */
  readonly rowsOfEntry: readonly number[];
  readonly counts: EncodingCounts;
}

/** How many examples are encoded at a time. */
const BATCH = 128;
/** And of how many characters, roughly: examples may be long. */
const BATCH_CHARACTERS = 2 ** 20;

/** A name's number, in the order in which names come. */
class Names {
  readonly #numbers: Map<string, number>;

  constructor(...first: readonly string[]) {
    this.#numbers = new Map(first.map((name, i) => [name, i]));
  }

  numberOf(name: string): number {
    const number = this.#numbers.get(name) ?? this.#numbers.size;
    this.#numbers.set(name, number);
    return number;
  }

  get all(): string[] {
    return [...this.#numbers.keys()];
  }
}

/** Examples that wait to be encoded. */
interface Waiting {
  readonly examples: Example[];
  readonly lines: string[];
  readonly sources: number[];
  readonly languages: number[];
  /** Of which entry of `data.sources` each one is, and its number within its source, from 1. */
  readonly entries: number[];
  readonly numbers: number[];
  characters: number;
}

export class CorpusBuilder {
  readonly #sources = new Names();
  readonly #languages = new Names('');
  readonly #countOf = new Map<string, number>();
  readonly #faults: { source: string; number: number; fault: ExampleFault }[] = [];
  #counts: EncodingCounts = { long: noLongRows(), empty: {}, filled: 0 };
  #waiting = nothingWaits();
  #examples = 0;
  readonly #rowsOfEntry: number[];

  /** @param listen is told what readers tell */
  constructor(
    config: RunConfig,
    private readonly hooks: Hooks,
    private readonly reader: ExampleReader,
    private readonly badRows: BadRows,
    private readonly listen: (event: LogEvent) => void,
  ) {
    this.#rowsOfEntry = config.data.sources.map(() => 0);
  }

  async build(pool: EncodingPool, writer: TokenStoreWriter, breath: Breath): Promise<CorpusFacts> {
    let isListening = true;
    this.hooks.log.tap('corpus', (event) => {
      if (isListening) this.listen(event);
    });
    const ticker = new Ticker();
    const tell = (total?: number) => {
      const all = total === undefined ? {} : { total };
      this.hooks.log.call({ type: 'progress', task: 'encoding', done: this.#examples, ...all });
    };
    const running: Promise<() => Promise<void>>[] = [];
    const merge = async () => (await running.shift())?.();
    const encode = () => {
      const batch = this.#waiting;
      this.#waiting = nothingWaits();
      running.push(this.#encoded(batch, pool, writer));
    };
    try {
      for await (const { example, entry } of this.reader.read()) {
        this.#add(example, entry);
        if (this.#waiting.examples.length >= BATCH || this.#waiting.characters >= BATCH_CHARACTERS) encode();
        while (running.length > pool.depth) await merge();
        if (ticker.isDue()) tell();
        if (breath.isDue) await breath.take();
      }
      if (this.#waiting.examples.length > 0) encode();
      while (running.length > 0) await merge();
    } finally {
      isListening = false;
      // Those that fail after the first failure have nothing more to tell.
      for (const each of running) each.catch(() => {});
    }
    if (ticker.told) tell(this.#examples);
    this.#judgeFaults();
    return {
      sources: this.#sources.all,
      languages: this.#languages.all,
      examples: this.#examples,
      rowsOfEntry: this.#rowsOfEntry,
      counts: this.#counts,
    };
  }

  #add(example: Example, entry: number): void {
    const { source = '', language = '' } = example;
    const number = (this.#countOf.get(source) ?? 0) + 1;
    this.#countOf.set(source, number);
    this.#examples++;
    const line = JSON.stringify(example);
    const waiting = this.#waiting;
    waiting.examples.push(example);
    waiting.lines.push(line);
    waiting.sources.push(this.#sources.numberOf(source));
    waiting.languages.push(this.#languages.numberOf(language));
    waiting.entries.push(entry);
    waiting.numbers.push(number);
    waiting.characters += line.length;
  }

  /** Has a batch encoded. What is returned then adds its rows; batches are added in the order of the data. */
  async #encoded(batch: Waiting, pool: EncodingPool, writer: TokenStoreWriter): Promise<() => Promise<void>> {
    const text = Buffer.from(`${batch.lines.join('\n')}\n`);
    const { examples } = batch;
    const [sources, languages] = [batch.sources, batch.languages].map((numbers) => Int32Array.from(numbers));
    const encoded = await pool.encode({ examples, sources, languages }, text);
    return async () => {
      this.#count(encoded);
      for (const example of encoded.exampleOf) this.#rowsOfEntry[batch.entries[example]]++;
      for (const fault of encoded.faults) {
        const { source = '' } = examples[fault.example];
        this.#faults.push({ source, number: batch.numbers[fault.example], fault });
      }
      await writer.append(encoded, text);
    };
  }

  #count({ counts: { long, empty, filled } }: EncodedBatch): void {
    const { long: longBefore, empty: emptyBefore, filled: filledBefore } = this.#counts;
    this.#counts = {
      long: added(longBefore, long),
      empty: added(emptyBefore, empty),
      filled: filledBefore + filled,
    };
  }

  /** Leaves faulty examples out where the configuration allows it. @throws EvolveError that tells of them otherwise */
  #judgeFaults(): void {
    const stopping = this.#faults.filter(({ source, number, fault }) => {
      const skip = fault.code === 'DATA_RECORD' ? this.badRows.takerOf(source) : undefined;
      skip?.({ where: `example ${number}`, fault: fault.message });
      return skip === undefined;
    });
    if (stopping.length === 0) return;
    const lines = stopping
      .slice(0, MOST_TOLD)
      .map(({ source, number, fault }) => `${source}, example ${number}: ${fault.message}`);
    if (stopping.length > MOST_TOLD) lines.push(`… and ${stopping.length - MOST_TOLD} more`);
    const { code, advice, at = ['data', 'sources'] } = stopping[0].fault;
    throw new EvolveError(code, lines.join('\n'), advice, { at });
  }
}

const MOST_TOLD = 10;

function nothingWaits(): Waiting {
  return { examples: [], lines: [], sources: [], languages: [], entries: [], numbers: [], characters: 0 };
}

/** Numbers by name, added up. */
function added<T extends Readonly<Record<string, number>>>(a: T, b: T): T {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return Object.fromEntries([...names].map((name) => [name, (a[name] ?? 0) + (b[name] ?? 0)])) as T;
}
