/** How many numbers a tensor of this shape has: one, where it has no axes. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}
