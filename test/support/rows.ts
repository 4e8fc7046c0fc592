import { type EncodedExample, IGNORED, type Span } from '../../core/index.js';

/** A row whose tokens all have labels. */
export function labelled(ids: ArrayLike<number>): EncodedExample {
  return { inputIds: Int32Array.from(ids), spans: [[0, ids.length]] };
}

/** A row as references have it: each label is its token, or IGNORED. */
export function rowOf({
  inputIds,
  labels,
}: {
  readonly inputIds: readonly number[];
  readonly labels: readonly number[];
}): EncodedExample {
  const isStart = (label: number, i: number) => label !== IGNORED && (labels[i - 1] ?? IGNORED) === IGNORED;
  const starts = [...labels.keys()].filter((i) => isStart(labels[i], i));
  const spans = starts.map((start): Span => {
    const length = labels.slice(start).indexOf(IGNORED);
    return [start, length < 0 ? labels.length : start + length];
  });
  return { inputIds: Int32Array.from(inputIds), spans };
}
