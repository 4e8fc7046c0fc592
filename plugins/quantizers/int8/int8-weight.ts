import { type ComputeType, type FrozenWeight, perform } from '../../../core/index.js';
import { inLines, type Storing, store } from '../kit/linear-weights.js';
import { NotFiniteError } from '../kit/not-finite.js';

/**
 * A frozen weight in one byte a number: row i is `scales[i] · values[i]`, with `scales[i]` the row's largest
 * magnitude / 127. Source: the row-wise form of LLM.int8() (arXiv 2208.07339).
 */
export class Int8Weight implements FrozenWeight {
  readonly storage = 'int8';

  constructor(
    readonly shape: readonly [number, number],
    /** `[rows, columns]` in −127 … 127. */
    readonly values: Int8Array,
    /** `[rows]` */
    readonly scales: Float32Array,
    readonly compute?: ComputeType,
  ) {}

  get byteLength(): number {
    return this.values.byteLength + this.scales.byteLength;
  }

  decode(start: number, end: number, target: Float32Array): void {
    const columns = this.shape[1];
    for (let row = start, at = 0; row < end; row++) {
      const scale = this.scales[row];
      for (let i = row * columns; i < (row + 1) * columns; i++) target[at++] = scale * this.values[i];
    }
  }
}

/**
 * Quantizes row by row, rounding to nearest, so that no more than one row is held in fp32. Kernel: `QuantizeInt8`,
 * which answers true when it is done, false where a number is not finite.
 *
 * @throws NotFiniteError; EvolveError OUT_OF_MEMORY
 */
export function quantizeInt8(weight: FrozenWeight, compute?: ComputeType): Int8Weight {
  return store(weight, int8Storing(compute));
}

/** The scales come first, so that they begin where a Float32Array may. */
export function int8Storing(compute?: ComputeType): Storing<Int8Weight> {
  const arraysIn = (buffer: ArrayBuffer, rows: number) => ({
    scales: new Float32Array(buffer, 0, rows),
    values: new Int8Array(buffer, inLines(4 * rows)),
  });
  return {
    bytesFor: ([rows, columns]) => inLines(4 * rows) + rows * columns,
    weightIn(buffer, shape) {
      const { values, scales } = arraysIn(buffer, shape[0]);
      return new Int8Weight(shape, values, scales, compute);
    },
    *fill(buffer, weight) {
      const [rows, columns] = weight.shape;
      const { values, scales } = arraysIn(buffer, rows);
      if (perform('QuantizeInt8', { weight, values, scales })) return;
      const numbers = new Float32Array(columns);
      for (let row = 0; row < rows; row++) {
        weight.decode(row, row + 1, numbers);
        let largest = 0;
        for (const number of numbers) {
          if (!Number.isFinite(number)) throw new NotFiniteError(row, number);
          largest = Math.max(largest, Math.abs(number));
        }
        scales[row] = largest / 127;
        const inverse = largest === 0 ? 0 : 127 / largest;
        for (let i = 0; i < columns; i++) values[row * columns + i] = Math.round(numbers[i] * inverse);
        yield;
      }
    },
  };
}
