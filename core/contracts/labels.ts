/** Which tokens of an example are trained on. */

/** An example in tokens. */
export interface EncodedExample {
  readonly inputIds: Int32Array;
  /** The tokens that are trained on: they have labels. Spans are in order; none is empty, and none overlap. */
  readonly spans: readonly Span[];
  /** Those of them that reason, where the example says so; the rest of its labels state the answer. */
  readonly rationale?: Span | undefined;
}

/** The tokens start … end − 1. */
export type Span = readonly [start: number, end: number];

/** The label of a token that is not trained on, such as the prompt's, as in PyTorch's cross-entropy. */
export const IGNORED = -100;

/** `[tokens]`: `labels[i]` is the token that position i must have been, or IGNORED. */
export function labelsOf({ inputIds, spans }: EncodedExample): Int32Array {
  const labels = new Int32Array(inputIds.length).fill(IGNORED);
  for (const [start, end] of spans) labels.set(inputIds.subarray(start, end), start);
  return labels;
}
