/**
 * Which process takes which part of the work, such as the micro-batches of a step: the largest first, each by the one that has the
 * least until then. All processes find the same, as it follows from the sizes alone. (A micro-batch stays what it is, however many
 * processes there are: its numbers do not change.)
 *
 * @param sizes of the parts, such as the tokens of each micro-batch
 * @returns the rank that takes each
 */
export function shareOut(sizes: readonly number[], processes: number): number[] {
  const taken = new Array<number>(processes).fill(0);
  const ranks = new Array<number>(sizes.length).fill(0);
  const largestFirst = [...sizes.keys()].sort((a, b) => sizes[b] - sizes[a] || a - b);
  for (const i of largestFirst) {
    const rank = taken.indexOf(Math.min(...taken));
    ranks[i] = rank;
    taken[rank] += sizes[i];
  }
  return ranks;
}
