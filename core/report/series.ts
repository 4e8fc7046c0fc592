/** Points of a curve: smoothed, and fewer of them. */

export interface Points {
  /** In ascending order. */
  readonly x: readonly number[];
  readonly y: readonly number[];
}

/** A point of each line of which `pick` finds a number; others, and those that are not finite, have none. */
export function pointsOf<T extends { readonly step: number }>(
  lines: readonly T[],
  pick: (line: T) => unknown,
): Points {
  const found = lines.filter((line) => Number.isFinite(pick(line)));
  return { x: found.map(({ step }) => step), y: found.map((line) => pick(line) as number) };
}

/**
 * At each point the mean of this and of those before it, `window` in all; at the beginning of as many as there are.
 *
 * @param weights how much each point counts; all the same unless they are given
 */
export function trailingMean(
  { x, y }: Points,
  window: number,
  weights: readonly number[] = y.map(() => 1),
): Points {
  let [total, weight] = [0, 0];
  const means = y.map((value, i) => {
    total += weights[i] * value;
    weight += weights[i];
    if (i >= window) {
      total -= weights[i - window] * y[i - window];
      weight -= weights[i - window];
    }
    return weight > 0 ? total / weight : value;
  });
  return { x, y: means };
}

/**
 * At most `most` points. They are taken in pieces of like length, and of each piece the lowest and the highest point is kept, so
 * that no peak is lost; of the whole the first and the last point, too.
 */
export function decimated({ x, y }: Points, most: number): Points {
  const count = x.length;
  if (count <= most) return { x, y };
  const pieces = Math.max(1, Math.floor((most - 2) / 2));
  const kept = new Set<number>([0, count - 1]);
  for (let piece = 0; piece < pieces; piece++) {
    const from = Math.floor((piece * count) / pieces);
    const to = Math.floor(((piece + 1) * count) / pieces);
    let [low, high] = [from, from];
    for (let i = from; i < to; i++) {
      if (y[i] < y[low]) low = i;
      if (y[i] > y[high]) high = i;
    }
    kept.add(low).add(high);
  }
  const indices = [...kept].sort((a, b) => a - b);
  return { x: indices.map((i) => x[i]), y: indices.map((i) => y[i]) };
}

/** A number with as many digits as can be seen in a curve. */
export function shortNumber(value: number): number {
  return Number(value.toPrecision(5));
}
