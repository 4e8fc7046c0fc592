import { sizeOf } from '../kit/shape.js';

/**
 * A copy of the numbers of a view, in row-major order.
 *
 * @param bytes from the view's first number on
 * @param size bytes of a number
 * @param strides how many numbers further the next one along each axis is
 */
export function inOrder(
  bytes: Uint8Array,
  size: number,
  shape: readonly number[],
  strides: readonly number[],
): Uint8Array {
  const count = sizeOf(shape);
  const source = numbersOf(bytes, size);
  const target = numbersOf(new Uint8Array(count * size), size);
  const last = shape.length - 1;
  const [extent, stride] = [shape[last], strides[last]];
  const index = new Array<number>(last).fill(0);
  for (let at = 0; at < count; ) {
    let from = 0;
    for (let axis = 0; axis < last; axis++) from += index[axis] * strides[axis];
    for (let i = 0; i < extent; i++, from += stride) target[at++] = source[from];
    for (let axis = last - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0;
  }
  return new Uint8Array(target.buffer);
}

/** The bytes as integers of 2 or 4 bytes, whatever they mean. */
function numbersOf(bytes: Uint8Array, size: number): Uint16Array | Uint32Array {
  // A typed array must begin at a multiple of its element size, which bytes within a file need not.
  const { buffer, byteOffset } = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  const count = bytes.byteLength / size;
  return size === 2 ? new Uint16Array(buffer, byteOffset, count) : new Uint32Array(buffer, byteOffset, count);
}
