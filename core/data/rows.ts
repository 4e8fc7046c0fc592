/** From a corpus to the rows of a run: some held out, the others in the order of training. They are read when their turn comes. */

import { EvolveError } from '../base/errors.js';
import { deriveSeed, Random } from '../base/random.js';
import type { RunConfig } from '../config/load.js';
import type { Example } from '../contracts/dataset.js';
import type { CutCounts } from '../contracts/tracker.js';
import type { Corpus } from './corpus.js';
import { epochOrder } from './epoch-order.js';
import { type MixtureParts, passRows, passSizes } from './mixture.js';
import { type PackedRows, pack } from './packing.js';
import type { SourcedExample } from './token-rows.js';

/** A row of a micro-batch: one example, or several with packing. */
export type Row = readonly SourcedExample[];

/** Rows that are read when they are needed. */
export interface RowList {
  readonly length: number;
  /** The rows from `start` to `end` − 1; fewer at the end of the list. */
  read(start: number, end: number): Row[];
  /** Rows as numbers of examples in the corpus, in the list's order: what a fingerprint is made of. */
  readonly examples: Int32Array;
}

/** The rows of a run, in tokens. */
export interface SplitRows {
  readonly train: TrainingRows;
  readonly validation: RowList;
  /** The examples of `validation`, in the order of the data. */
  readonly heldOut: () => readonly Example[];
  readonly cut: CutCounts;
  readonly corpus: Corpus;
}

/** The rows that are trained on, by passes through the data. */
export interface TrainingRows {
  /** Of a pass: how many rows it has, and how many examples are in them. */
  readonly length: number;
  readonly examples: number;
  /** The rows of pass `epoch` (from 0), in the order of training. They follow from seed and data alone. */
  pass(epoch: number): RowList;
}

/** @throws EvolveError CONFIG_INVALID if nothing is left to train on */
export function splitRows(corpus: Corpus, { data, train }: Pick<RunConfig, 'data' | 'train'>): SplitRows {
  const { store, facts } = corpus;
  const { seed } = train;
  const size = validationSize(data.validationSize, store.count);
  const order = new Random(deriveSeed(seed, 'split')).permutation(store.count);
  const held = order.subarray(0, size).sort();
  const trained = order.subarray(size).sort();
  const packing = new Random(deriveSeed(seed, 'packing'));
  const lengths = data.packing ? store.lengths() : undefined;
  // Each pass has the same packed rows.
  const packed = (examples: Int32Array): PackedRows | undefined =>
    lengths && pack(data.shuffle ? shuffled(examples, packing) : examples, lengths, data.cutoffLength);
  const parts: MixtureParts = {
    rowsOf: ofEntries(trained, facts.rowsOfEntry),
    shares: data.sources.map((source) => {
      const { weight, repeat = 1 } = typeof source === 'string' ? {} : source;
      return { weight, repeat };
    }),
    stopping: data.stopping,
    seed,
  };
  // Held-out rows come first, since both draw from one stream.
  const validation = listOf(corpus, held, packed(held));
  const first = packed(passRows(parts, 0));
  const length = first ? first.starts.length - 1 : passSizes(parts).reduce((sum, each) => sum + each, 0);
  return {
    validation,
    train: {
      length,
      examples: first ? first.examples.length : length,
      pass(epoch) {
        const examples = first?.examples ?? passRows(parts, epoch);
        return listOf(corpus, examples, first, data.shuffle ? epochOrder(seed, epoch, length) : undefined);
      },
    },
    heldOut: () => Array.from(held, (row) => store.example(row)),
    cut: facts.counts.long,
    corpus,
  };
}

function listOf(
  { store }: Corpus,
  examples: Int32Array,
  packed: PackedRows | undefined,
  order?: Int32Array,
): RowList {
  const place = (i: number) => order?.[i] ?? i;
  const { starts, examples: inRows } = packed ?? { starts: undefined, examples };
  const rowOf = (row: number): Row => {
    if (!starts) return [store.row(inRows[row])];
    return Array.from(inRows.subarray(starts[row], starts[row + 1]), (example) => store.row(example));
  };
  const length = starts ? starts.length - 1 : inRows.length;
  return {
    length,
    read: (start, end) =>
      Array.from({ length: Math.max(0, Math.min(end, length) - start) }, (_, i) => rowOf(place(start + i))),
    get examples() {
      if (!order) return inRows;
      return starts
        ? Int32Array.from(
            Array.from(order).flatMap((row) => [...inRows.subarray(starts[row], starts[row + 1])]),
          )
        : shuffledBy(inRows, order);
    },
  };
}

/** The rows of each entry of `data.sources`. They stand one behind the other, in the order of the data. */
function ofEntries(rows: Int32Array, rowsOfEntry: readonly number[]): Int32Array[] {
  let start = 0;
  let first = 0;
  return rowsOfEntry.map((count) => {
    first += count;
    const end = firstFrom(rows, first, start);
    const part = rows.subarray(start, end);
    start = end;
    return part;
  });
}

/** Where the first of `rows`, which ascend, is that is `least` or more. */
function firstFrom(rows: Int32Array, least: number, from: number): number {
  let [low, high] = [from, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle] < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

function shuffled(examples: Int32Array, random: Random): Int32Array {
  return shuffledBy(examples, random.permutation(examples.length));
}

function shuffledBy(examples: Int32Array, order: Int32Array): Int32Array {
  return order.map((i) => examples[i]);
}

/** How many rows are held out: as many as `asked`, or as great a share where that is less than 1. */
function validationSize(asked: number | undefined, rows: number): number {
  if (asked === undefined) return Math.min(2000, Math.floor(rows / 10));
  // A share holds something out, and leaves something to train on, wherever there are two rows.
  if (asked > 0 && asked < 1) return Math.min(rows - 1, Math.max(1, Math.round(asked * rows)));
  if (asked < rows) return asked;
  const message = `data.validationSize is ${asked}, which leaves none of the ${rows} rows to train on`;
  const advice = 'Set it lower, or to 0 to hold nothing out.';
  throw new EvolveError('CONFIG_INVALID', message, advice, { at: ['data', 'validationSize'] });
}
