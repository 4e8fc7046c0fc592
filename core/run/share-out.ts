/**
 * Which process takes which micro-batch of a step: the longest first, each by the one that has the fewest tokens until then. All
 * processes find the same, as it follows from the rows alone. (A micro-batch stays what it is, however many processes there are:
 * its numbers do not change.)
 *
 * @param tokens of each micro-batch
 * @returns the rank that takes it
 */
export function shareOut(tokens: readonly number[], processes: number): number[] {
  const taken = new Array<number>(processes).fill(0);
  const ranks = new Array<number>(tokens.length).fill(0);
  const longestFirst = [...tokens.keys()].sort((a, b) => tokens[b] - tokens[a] || a - b);
  for (const i of longestFirst) {
    const rank = taken.indexOf(Math.min(...taken));
    ranks[i] = rank;
    taken[rank] += tokens[i];
  }
  return ranks;
}
