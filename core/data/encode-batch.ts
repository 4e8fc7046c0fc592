/** Examples -> rows in tokens, a few hundred at a time: the same in the main thread and in a worker. */

import { EvolveError } from '../base/errors.js';
import type { RunConfig } from '../config/load.js';
import { type Example, unknownKind } from '../contracts/dataset.js';
import type { Encoder } from '../contracts/encoder.js';
import type { EncodedExample } from '../contracts/labels.js';
import { type LongCounts, LongRows } from './long-rows.js';
import {
  type IdBits,
  idBitsFor,
  type PackedExamples,
  packExamples,
  type SourcedExample,
} from './token-rows.js';

/** What says how examples are encoded. */
export type EncodingSettings = Pick<RunConfig['data'], 'cutoffLength' | 'long'>;

/** Examples in the order of the data, with the numbers of their sources and languages. */
export interface ExampleBatch {
  readonly examples: readonly Example[];
  readonly sources: Int32Array;
  readonly languages: Int32Array;
}

/** What encoding cost: besides long rows, records that would train nothing, by what of them is empty. */
export interface EncodingCounts {
  readonly long: LongCounts;
  readonly empty: Readonly<Record<string, number>>;
  /** Their prompt alone is as long as a row may be. */
  readonly filled: number;
}

/** Why an example of a batch cannot be encoded: what an EvolveError of it says. */
export interface ExampleFault extends Pick<EvolveError, 'code' | 'message' | 'advice' | 'at'> {
  readonly example: number;
}

/** The rows of a batch. */
export interface EncodedBatch extends PackedExamples {
  /** Of each row: the number of its example in the batch. */
  readonly exampleOf: Int32Array;
  readonly counts: EncodingCounts;
  readonly faults: readonly ExampleFault[];
}

/** @param breathe is called before each example, where others wait for the thread */
export async function encodeBatch(
  { examples, sources, languages }: ExampleBatch,
  encoder: Encoder,
  settings: EncodingSettings,
  breathe?: () => Promise<void> | undefined,
): Promise<EncodedBatch> {
  const long = new LongRows(encoder, settings);
  const empty: Record<string, number> = {};
  const faults: ExampleFault[] = [];
  const rows: SourcedExample[] = [];
  const exampleOf: number[] = [];
  let filled = 0;
  for (const [i, example] of examples.entries()) {
    await breathe?.();
    const { text, name } = trainedPart(example);
    if (text.trim() === '') {
      empty[name] = (empty[name] ?? 0) + 1;
      continue;
    }
    try {
      const encoded = checked(encoder.encode(example, settings.cutoffLength), settings.cutoffLength);
      if (!hasTarget(encoded)) {
        filled++;
        continue;
      }
      for (const row of long.fit(example, encoded)) {
        rows.push({ ...row, source: sources[i], language: languages[i] });
        exampleOf.push(i);
      }
    } catch (error) {
      const told = error instanceof RangeError ? tooLong(example) : error;
      if (!(told instanceof EvolveError)) throw told;
      const { code, message, advice, at } = told;
      faults.push({ example: i, code, message, advice, at });
    }
  }
  const counts = { long: long.counts, empty, filled };
  return { ...packExamples(rows, bitsOf(encoder)), exampleOf: Int32Array.from(exampleOf), counts, faults };
}

export function bitsOf({ tokenizer }: Encoder): IdBits {
  return idBitsFor(tokenizer.vocabularySize);
}

/** The text of an example that has labels, and the name under which it is told that it is empty. */
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
    case 'preference':
      return { text: example.chosen, name: 'chosen answer is' };
    default:
      return unknownKind(example);
  }
}

/** @throws EvolveError if an encoder gave what it must not: labels would be lost, or be there twice */
function checked(encoded: EncodedExample, cutoffLength: number): EncodedExample {
  const fault = faultOf(encoded, cutoffLength);
  if (!fault) return encoded;
  throw new EvolveError('PLUGIN_FAILED', `the model's encoder gave ${fault}`, 'Tell whoever wrote it.');
}

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
