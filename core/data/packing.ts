/** Several short examples in one row, so that few rows are short. */

/** How many open rows are tried for each example. More would fill rows hardly better, and take longer. */
const OPEN_ROWS = 64;

/** Examples in rows, by number: row i has `examples[starts[i]]` … `examples[starts[i + 1] − 1]`. */
export interface PackedRows {
  readonly examples: Int32Array;
  readonly starts: Int32Array;
}

/**
 * Packs examples into rows of at most `capacity` tokens. Each example goes into the first open row with room for it, else into
 * a new row. If too many rows are open, the oldest is closed. The same order of examples gives the same rows, in the order in
 * which they were opened.
 *
 * @param examples their numbers, in the order in which they are packed
 * @param lengths of each example by its number: how many tokens it has
 * @throws RangeError if an example has more than `capacity` tokens
 */
export function pack(examples: Int32Array, lengths: Int32Array, capacity: number): PackedRows {
  const rowOf = new Int32Array(examples.length);
  const sizes: number[] = [];
  let open: { row: number; room: number }[] = [];
  for (const [i, example] of examples.entries()) {
    const size = lengths[example];
    if (size > capacity) {
      throw new RangeError(`pack: an example of ${size} tokens does not fit a row of ${capacity}`);
    }
    let place = open.find(({ room }) => room >= size);
    if (!place) {
      place = { row: sizes.push(0) - 1, room: capacity };
      open = [...open.slice(1 - OPEN_ROWS), place];
    }
    sizes[place.row]++;
    rowOf[i] = place.row;
    place.room -= size;
  }
  const starts = new Int32Array(sizes.length + 1);
  for (const [row, size] of sizes.entries()) starts[row + 1] = starts[row] + size;
  const next = starts.slice();
  const packed = new Int32Array(examples.length);
  for (const [i, example] of examples.entries()) packed[next[rowOf[i]]++] = example;
  return { examples: packed, starts };
}
