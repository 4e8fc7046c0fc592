/** The order in which the rows of a model's projections lie in a GGUF file, where it is not the model's own. */

/** Of queries, and of keys and values. */
export interface Heads {
  readonly heads: number;
  readonly kvHeads: number;
}

/** Where row i of a module of so many rows lies in the file; undefined where the rows are not those of whole heads. */
export type RowOrder = (rows: number, heads: Heads) => ((row: number) => number) | undefined;

/**
 * llama.cpp turns neighbouring elements of a head by one angle, transformers an element of its first half with one of
 * its second: in the file the rows of a head's halves alternate.
 */
export function alternatingHalves(headsOf: (heads: Heads) => number): RowOrder {
  return (rows, heads) => {
    const size = rows / headsOf(heads);
    if (size % 2 !== 0) return undefined;
    const half = size / 2;
    return (row) => {
      const within = row % size;
      return row - within + 2 * (within % half) + Math.floor(within / half);
    };
  };
}

/** The model has head by head its query, key and value; the file has all queries, then all keys, then all values. */
export const queriesKeysValues: RowOrder = (rows, { heads }) => {
  const headDim = rows / (3 * heads);
  if (!Number.isInteger(headDim)) return undefined;
  return (row) => {
    const [head, kind] = [Math.floor(row / (3 * headDim)), Math.floor(row / headDim) % 3];
    return (kind * heads + head) * headDim + (row % headDim);
  };
};
