import type { EncodedExample } from '../contracts/labels.js';

/** A row of a micro-batch: one example, or several with packing. */
export type Row = readonly EncodedExample[];

/** How many open rows are tried for each example. More would fill rows hardly better, and take longer. */
const OPEN_ROWS = 64;

/**
 * Packs examples into rows of at most `capacity` tokens. Each example goes into the first open row with room for it, else into
 * a new row. If too many rows are open, the oldest is closed. The same order of examples gives the same rows, in the order in
 * which they were opened.
 *
 * @throws RangeError if an example has more than `capacity` tokens
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
