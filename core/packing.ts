import type { EncodedExample } from './types.js';

/** What takes one place in a micro-batch: an example, or with packing several. */
export type Row = readonly EncodedExample[];

/** How many rows are tried for each example. More would fill rows little better and take longer. */
const OPEN_ROWS = 64;

/**
 * The examples one behind the other, cut into rows of `size` tokens, the last of what is left: each sees what stands
 * before it in its row, as is usual in pretraining.
 */
export function wrap(examples: readonly EncodedExample[], size: number): Row[] {
  const total = examples.reduce((sum, { inputIds }) => sum + inputIds.length, 0);
  const [inputIds, labels] = [new Int32Array(total), new Int32Array(total)];
  let end = 0;
  for (const example of examples) {
    inputIds.set(example.inputIds, end);
    labels.set(example.labels, end);
    end += example.inputIds.length;
  }
  const rows: Row[] = [];
  // A single token has nothing to predict.
  for (let at = 0; at + 1 < total; at += size) {
    rows.push([{ inputIds: inputIds.subarray(at, at + size), labels: labels.subarray(at, at + size) }]);
  }
  return rows;
}

/**
 * Packs examples into rows of at most `capacity` tokens: each goes into the first open row with room for it, else into
 * a new one; where too many are open the oldest is closed. The same order of examples gives the same rows, in the order
 * in which they were opened.
 *
 * @throws RangeError where an example has more than `capacity` tokens
 */
export function pack(examples: readonly EncodedExample[], capacity: number): Row[] {
  const rows: EncodedExample[][] = [];
  let open: { row: EncodedExample[]; room: number }[] = [];
  for (const example of examples) {
    const size = example.inputIds.length;
    if (size > capacity) {
      throw new RangeError(`pack: an example of ${size} tokens does not fit a row of ${capacity}`);
    }
    let place = open.find(({ room }) => room >= size);
    if (!place) {
      place = { row: [], room: capacity };
      rows.push(place.row);
      open = [...open.slice(1 - OPEN_ROWS), place];
    }
    place.row.push(example);
    place.room -= size;
  }
  return rows;
}
