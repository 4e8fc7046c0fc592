/** What the codes of an nf4 weight mean. Both tables ascend, from −1 or near it to 1. */

/**
 * 4-bit NormalFloat: quantiles of the normal distribution, scaled to −1 … 1, with an exact 0 (code 7). Source: QLoRA
 * (arXiv 2305.14314, appendix E).
 */
export const NF4_VALUES = Float32Array.of(
  -1,
  -0.6961928009986877,
  -0.5250730514526367,
  -0.39491748809814453,
  -0.28444138169288635,
  -0.18477343022823334,
  -0.09105003625154495,
  0,
  0.07958029955625534,
  0.16093020141124725,
  0.24611230194568634,
  0.33791524171829224,
  0.44070982933044434,
  0.5626170039176941,
  0.7229568362236023,
  1,
);

/**
 * The signed dynamic 8-bit type: of each power of ten from 10⁻⁶ to 1 twice as many values as of the one below, each
 * the middle of an equal share of 0.1 … 1 of it; besides them 0 and 1. Source: 8-bit optimizers (arXiv 2110.02861),
 * in fp32 as bitsandbytes' create_dynamic_map computes it.
 */
export const DYNAMIC_MAP = makeDynamicMap();

function makeDynamicMap(): Float32Array {
  const { fround } = Math;
  const values = [0, 1];
  for (let exponent = 0; exponent < 7; exponent++) {
    const power = fround(10 ** (exponent - 6));
    const shares = 2 ** exponent;
    const borders = linspace(fround(0.1), 1, shares + 1);
    for (let i = 0; i < shares; i++) {
      const middle = fround(fround(borders[i] + borders[i + 1]) / 2);
      values.push(power * middle, -power * middle);
    }
  }
  return Float32Array.from(values).sort();
}

/** `count` numbers from `start` to `end` in equal steps, counted from the nearer of the two, as torch.linspace does. */
function linspace(start: number, end: number, count: number): Float32Array {
  const step = Math.fround(Math.fround(end - start) / (count - 1));
  return Float32Array.from({ length: count }, (_, i) =>
    i < Math.floor(count / 2) ? start + step * i : end - step * (count - 1 - i),
  );
}

/** The middles between neighbours: a number belongs to the code that is the count of the middles below it. */
export function middlesOf(table: Float32Array): Float32Array {
  return Float32Array.from({ length: table.length - 1 }, (_, i) => Math.fround(table[i] + table[i + 1]) / 2);
}
