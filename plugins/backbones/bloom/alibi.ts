/**
 * The slopes of ALiBi (arXiv 2108.12409): for n heads 2^(−8/n), 2^(−16/n), … , where n is a power of two. Else those of
 * the power of two below n, and after them the first, third, fifth … of twice that power.
 */
export function alibiSlopes(heads: number): Float32Array {
  const power = 2 ** Math.floor(Math.log2(heads));
  return Float32Array.from({ length: heads }, (_, i) =>
    i < power ? 2 ** ((-8 * (i + 1)) / power) : 2 ** ((-4 * (2 * (i - power) + 1)) / power),
  );
}
