/** Rows in tokens as bytes, as the token cache keeps them. Bytes are in the machine's order: a cache does not travel. */

import type { EncodedExample, Span } from '../contracts/labels.js';

/** An example in tokens, with where it is from. */
export interface SourcedExample extends EncodedExample {
  /** Numbers of names: see `CorpusFacts`. Language 0 is none. */
  readonly source: number;
  readonly language: number;
}

/** Before the spans and the ids: tokens, spans, source, language, and the span of the rationale (0, 0 if there is none). */
const HEADER = 6;

/** Ids of a small vocabulary take 16 bits. */
export type IdBits = 16 | 32;

export function idBitsFor(vocabularySize: number): IdBits {
  return vocabularySize <= 2 ** 16 ? 16 : 32;
}

/** So many 32-bit words an example takes. */
function wordsOf({ inputIds, spans }: EncodedExample, bits: IdBits): number {
  return HEADER + 2 * spans.length + (bits === 16 ? (inputIds.length + 1) >> 1 : inputIds.length);
}

/** Examples, one behind the other. */
export interface PackedExamples {
  readonly words: Int32Array;
  /** Of each example: how many words it takes, and how many tokens it has. */
  readonly sizes: Int32Array;
  readonly lengths: Int32Array;
}

export function packExamples(examples: readonly SourcedExample[], bits: IdBits): PackedExamples {
  const sizes = Int32Array.from(examples, (example) => wordsOf(example, bits));
  const words = new Int32Array(sizes.reduce((sum, size) => sum + size, 0));
  let at = 0;
  for (const [i, { inputIds, spans, source, language, rationale }] of examples.entries()) {
    words.set([inputIds.length, spans.length, source, language, ...(rationale ?? [0, 0])], at);
    words.set(spans.flat(), at + HEADER);
    const start = at + HEADER + 2 * spans.length;
    if (bits === 32) words.set(inputIds, start);
    else new Uint16Array(words.buffer, 4 * start, inputIds.length).set(inputIds);
    at += sizes[i];
  }
  return { words, sizes, lengths: Int32Array.from(examples, ({ inputIds }) => inputIds.length) };
}

/** The example that stands in these words. Its ids are a copy. */
export function unpackExample(words: Int32Array, bits: IdBits): SourcedExample {
  const [tokens, count, source, language, from, to] = words;
  const spans = Array.from({ length: count }, (_, i): Span => {
    const at = HEADER + 2 * i;
    return [words[at], words[at + 1]];
  });
  const start = HEADER + 2 * count;
  const inputIds =
    bits === 32
      ? words.slice(start, start + tokens)
      : Int32Array.from(new Uint16Array(words.buffer, words.byteOffset + 4 * start, tokens));
  return { inputIds, spans, source, language, ...(to > from && { rationale: [from, to] as const }) };
}
