import { type Handle, I32, U32 } from '../binding.js';
import type { Ops } from '../ops.js';
import { gradient, kernel, type Tensorflow } from './kit.js';

/** `dropout(x)`: what is dropped follows from the seed and an element's index. */
export type Dropout = (x: Handle, rate: number, seed: number) => Handle;

/** Dropout whose mask is computed where the elements lie, as core/ops/dropout.ts computes it. */
export function withDropout(ops: Ops): Dropout {
  /** `mix(i)` of the indices from 0. */
  let mixed: Handle | undefined;

  // The binding takes no unsigned numbers.
  const words = (shape: number[], values: Int32Array) => ops.bitcast(ops.array(shape, I32, values), U32);
  const word = (value: number) => words([], Int32Array.of(value));
  const mix = (value: Handle): Handle => {
    const folded = (x: Handle, bits: number) =>
      ops.elements('BitwiseXor', x, ops.elements('RightShift', x, word(bits)));
    const first = ops.mul(folded(value, 16), word(0x85ebca6b));
    return folded(ops.mul(folded(first, 13), word(0xc2b2ae35)), 16);
  };
  const mixedIndices = (size: number): Handle => {
    if (!mixed || mixed.shape[0] < size) {
      if (mixed) ops.free([mixed.id]);
      const indices = Int32Array.from({ length: size }, (_, i) => i);
      mixed = ops.kept(() => mix(words([size], indices)));
    }
    return ops.rows(mixed, 0, size);
  };

  return (x, rate, seed) => {
    const size = x.shape.reduce((product, extent) => product * extent, 1);
    if (rate === 0 || size === 0) return x;
    const bits = mix(ops.elements('BitwiseXor', mixedIndices(size), word(seed)));
    const isKept = ops.elements('GreaterEqual', bits, word(Math.ceil(rate * 2 ** 32)));
    const mask = ops.mul(ops.cast(isKept, x.dtype), ops.constant(1 / (1 - rate)));
    return ops.mul(x, ops.reshape(mask, x.shape));
  };
}

export function registerDropout({ ops }: Tensorflow): void {
  const drop = withDropout(ops);
  kernel('SeededDropout', ({ x }, { rate, seed }) =>
    ops.tensor(() => ops.elements('Identity', drop(ops.of(x), rate, seed))),
  );
  gradient('SeededDropout', {}, ([dy], _, { rate, seed }) => ({
    x: () => ops.tensor(() => ops.elements('Identity', drop(ops.of(dy), rate, seed))),
  }));
}
