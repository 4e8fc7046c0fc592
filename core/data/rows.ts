/** From examples to the rows of a run: encoded, some of them held out, in the order of training. */

import { inject, injectable } from 'tsyringe';
import { EvolveError } from '../base/errors.js';
import { BAD_ROWS, HOOKS, RUN_CONFIG } from '../base/injection-keys.js';
import { deriveSeed, Random } from '../base/random.js';
import { Ticker } from '../base/ticker.js';
import type { RunConfig } from '../config/load.js';
import { type Example, unknownKind } from '../contracts/dataset.js';
import type { Encoder } from '../contracts/encoder.js';
import type { EncodedExample } from '../contracts/labels.js';
import { describeLengthLimit, type LengthLimit } from '../contracts/length-limit.js';
import type { CutCounts } from '../contracts/tracker.js';
import type { Hooks } from '../plugins/hooks.js';
import type { BadRows } from './bad-rows.js';
import { epochOrder } from './epoch-order.js';
import { LongRows } from './long-rows.js';
import { pack, type Row } from './packing.js';
import { TokenArena } from './token-arena.js';

/** The rows of a run, in tokens. */
export interface SplitRows {
  readonly train: readonly Row[];
  readonly validation: readonly Row[];
  /** The examples of `validation`, in the order of the data. */
  readonly heldOut: readonly Example[];
  readonly cut: CutCounts;
}

/** What rows are made for. */
export interface RowUse {
  readonly encoder: Encoder;
  readonly model: LengthLimit;
}

@injectable()
export class RowMaker {
  constructor(
    @inject(RUN_CONFIG) private readonly config: RunConfig,
    @inject(HOOKS) private readonly hooks: Hooks,
    @inject(BAD_ROWS) private readonly badRows: BadRows,
  ) {}

  /**
   * Encodes the examples and holds some out. Rows that would train nothing are left out and counted. `breathe` is called now
   * and then, so that a person can interrupt.
   */
  async prepare(
    examples: readonly Example[],
    { encoder, model }: RowUse,
    breathe: () => Promise<void>,
  ): Promise<SplitRows> {
    const { cutoffLength } = this.config.data;
    if (cutoffLength > model.maxLength) {
      const message = `data.cutoffLength is ${cutoffLength}, but ${describeLengthLimit(model)}`;
      const advice = `Set data.cutoffLength to ${model.maxLength} or less.`;
      throw new EvolveError('MODEL_INVALID', message, advice, { at: ['data', 'cutoffLength'] });
    }
    // Those that are faulty were not passed on.
    const total = examples.length + this.badRows.rows.length;
    const arena = new TokenArena();
    const long = new LongRows(encoder, this.config.data);
    const usable: EncodedExample[] = [];
    const kept: Example[] = [];
    const empty = new Map<string, number>();
    let filled = 0;
    const ticker = new Ticker();
    const tell = (done: number) => {
      this.hooks.log.call({ type: 'progress', task: 'encoding', done, total: examples.length });
    };
    for (const [i, example] of examples.entries()) {
      if (i % 256 === 0) await breathe();
      if (ticker.isDue()) tell(i);
      const { text, name } = trainedPart(example);
      if (text.trim() === '') {
        empty.set(name, (empty.get(name) ?? 0) + 1);
        continue;
      }
      const encoded = this.#encode(encoder, examples, i);
      if (!encoded) continue;
      if (!hasTarget(encoded)) {
        filled++;
        continue;
      }
      for (const row of long.fit(example, encoded)) {
        usable.push(arena.keep(row));
        kept.push(example);
      }
    }
    if (ticker.told) tell(examples.length);
    for (const [name, count] of empty) this.#tellSkipped(count, examples.length, `${name} empty`);
    const reason = `prompt alone fills data.cutoffLength (${cutoffLength} tokens)`;
    this.#tellSkipped(filled, examples.length, reason);
    for (const message of long.told()) this.hooks.log.call({ type: 'notice', message });
    this.badRows.check(total);
    this.badRows.tell(total);
    if (usable.length === 0) {
      const message = `there is no usable record among ${examples.length}`;
      const advice = 'Raise data.cutoffLength, or check "output" in the records.';
      throw new EvolveError('DATA_EMPTY', message, advice, { at: ['data', 'sources'] });
    }
    return { ...this.#split(usable, kept), cut: long.cut };
  }

  /** The rows of one pass through the data, in the order of training; passes count from 0. */
  ofEpoch(rows: readonly Row[], epoch: number): Row[] {
    const { data, train } = this.config;
    return data.shuffle ? inOrder(rows, epochOrder(train.seed, epoch, rows.length)) : [...rows];
  }

  #split(encoded: readonly EncodedExample[], examples: readonly Example[]): Omit<SplitRows, 'cut'> {
    const { seed } = this.config.train;
    const size = this.#validationSize(encoded.length);
    const order = new Random(deriveSeed(seed, 'split')).permutation(encoded.length);
    const [held, trained] = [order.slice(0, size).sort(), order.slice(size).sort()];
    const packing = new Random(deriveSeed(seed, 'packing'));
    const rowsOf = (indices: Int32Array) => this.#rowsOf(inOrder(encoded, indices), packing);
    return { validation: rowsOf(held), train: rowsOf(trained), heldOut: inOrder(examples, held) };
  }

  /** Each example in a row of its own, or several packed into one. All epochs have the same rows. */
  #rowsOf(examples: readonly EncodedExample[], random: Random): Row[] {
    const { packing, cutoffLength, shuffle } = this.config.data;
    if (!packing) return examples.map((example) => [example]);
    return pack(shuffle ? inOrder(examples, random.permutation(examples.length)) : examples, cutoffLength);
  }

  /** Example number `i` in tokens; undefined if it is faulty, and left out. */
  #encode(encoder: Encoder, examples: readonly Example[], i: number): EncodedExample | undefined {
    try {
      return encode(encoder, examples[i], this.config.data.cutoffLength);
    } catch (error) {
      const told = error instanceof RangeError ? tooLong(examples[i]) : error;
      if (!(told instanceof EvolveError)) throw told;
      const { source = '' } = examples[i];
      const number = examples.slice(0, i + 1).filter((example) => example.source === source).length;
      const skip = told.code === 'DATA_RECORD' ? this.badRows.takerOf(source) : undefined;
      if (skip) {
        skip({ where: `example ${number}`, fault: told.message });
        return undefined;
      }
      throw new EvolveError(told.code, `${source}, example ${number}: ${told.message}`, told.advice, {
        cause: error,
        at: ['data', 'sources'],
      });
    }
  }

  #tellSkipped(count: number, total: number, reason: string): void {
    if (count === 0) return;
    const [verb, whose] = count === 1 ? ['is', 'its'] : ['are', 'their'];
    this.hooks.log.call({
      type: 'notice',
      message: `${count} of ${total} records ${verb} left out: ${whose} ${reason}`,
    });
  }

  #validationSize(rows: number): number {
    const { validationSize } = this.config.data;
    if (validationSize === undefined) return Math.min(2000, Math.floor(rows / 10));
    // A share holds something out, and leaves something to train on, wherever there are two rows.
    if (validationSize > 0 && validationSize < 1) {
      return Math.min(rows - 1, Math.max(1, Math.round(validationSize * rows)));
    }
    if (validationSize < rows) return validationSize;
    const message = `data.validationSize is ${validationSize}, which leaves none of the ${rows} rows to train on`;
    const advice = 'Set it lower, or to 0 to hold nothing out.';
    throw new EvolveError('CONFIG_INVALID', message, advice, { at: ['data', 'validationSize'] });
  }
}

function inOrder<T>(items: readonly T[], order: Int32Array): T[] {
  return Array.from(order, (i) => items[i]);
}

/** The text of an example that has labels, and the name under which an error reports that it is empty. */
function trainedPart(example: Example): { text: string; name: string } {
  switch (example.kind) {
    case 'instruction':
      return { text: example.output, name: 'output is' };
    case 'text':
      return { text: example.text, name: 'text is' };
    case 'turns': {
      const trained = example.turns.filter((turn) => turn.trained);
      const words = trained.map(
        ({ content, calls = [] }) => content + calls.map(({ name }) => name).join(''),
      );
      return { text: words.join(''), name: 'trained turns are' };
    }
    case 'tokens':
      return { text: example.inputIds.slice(0, 1).join(), name: 'tokens are' };
    case 'preference':
      return { text: example.chosen, name: 'chosen answer is' };
    default:
      return unknownKind(example);
  }
}

function encode(encoder: Encoder, example: Example, cutoffLength: number): EncodedExample {
  const encoded = encoder.encode(example, cutoffLength);
  const fault = faultOf(encoded, cutoffLength);
  if (!fault) return encoded;
  throw new EvolveError('PLUGIN_FAILED', `the model's encoder gave ${fault}`, 'Tell whoever wrote it.');
}

/** What an encoder must not give. Labels would be lost, or be there twice. */
function faultOf({ inputIds, spans }: EncodedExample, cutoffLength: number): string | undefined {
  if (inputIds.length > cutoffLength)
    return `${inputIds.length} tokens, of which data.cutoffLength allows ${cutoffLength}`;
  let least = 0;
  for (const [start, end] of spans) {
    if (!(start >= least && end > start && end <= inputIds.length))
      return `the span [${start}, ${end}] of ${inputIds.length} tokens; spans follow each other, and none is empty`;
    least = end;
  }
  return undefined;
}

/** A tokenizer's patterns take no word of millions of characters: they end with a RangeError. */
function tooLong(example: Example): EvolveError {
  const { length } = JSON.stringify(example);
  const message = `a text is too long to be cut into tokens: the example has ${length.toLocaleString('en-US')} characters`;
  return new EvolveError('DATA_RECORD', message, 'Split it into several, or remove it.');
}

/** Whether some label can be predicted: nothing stands before the first token. */
function hasTarget({ spans }: EncodedExample): boolean {
  return spans.some(([start, end]) => end > Math.max(start, 1));
}
