/**
 * A frozen weight -> nf4, bit for bit as bitsandbytes' reference implementation (its backend `default`) does it from
 * f32, f16 and bf16. Numbers are rounded to fp32 wherever it has them in fp32.
 */

import { type ComputeType, type FrozenWeight, perform } from '../../../core/index.js';
import { type InPieces, inLines, type Storing, store } from '../kit/linear-weights.js';
import { NotFiniteError } from '../kit/not-finite.js';
import { BLOCK, NESTED_BLOCK, Nf4Weight, type PlainAbsmax } from './nf4-weight.js';
import { DYNAMIC_MAP, middlesOf, NF4_VALUES } from './tables.js';

export interface Nf4Options {
  /** The absmax of the blocks are quantized too. */
  readonly doubleQuantization: boolean;
  readonly compute?: ComputeType;
}

/** As QuantizedAbsmax, yet to be filled. */
interface QuantizedAbsmaxArrays {
  readonly absmaxCodes: Uint8Array;
  readonly nestedAbsmax: Float32Array;
  /** `[1]` */
  readonly offset: Float32Array;
}

/** About how many numbers are in fp32 at a time. */
const CHUNK = 65536;

/**
 * Quantizes in blocks of 64 numbers, a few rows at a time. Kernels: `QuantizeNf4`, `QuantizeDynamic`, which answer true
 * when it is done.
 *
 * @throws NotFiniteError; EvolveError OUT_OF_MEMORY
 */
export function quantizeNf4(weight: FrozenWeight, options: Nf4Options): Nf4Weight {
  return store(weight, nf4Storing(options));
}

/** One array behind the other: the codes, then the absmax, or what double quantization makes of them. */
export function nf4Storing({ doubleQuantization, compute }: Nf4Options): Storing<Nf4Weight> {
  const sizesOf = ([rows, columns]: FrozenWeight['shape']) => {
    const blocks = Math.ceil((rows * columns) / BLOCK);
    const [codes, nested] = [Math.ceil((rows * columns) / 2), Math.ceil(blocks / NESTED_BLOCK)];
    return { blocks, codes, nested, nestedAt: inLines(codes) + inLines(blocks) };
  };
  const arraysIn = (buffer: ArrayBuffer, shape: FrozenWeight['shape']) => {
    const { blocks, codes, nested, nestedAt } = sizesOf(shape);
    const absmaxAt = inLines(codes);
    const scales: PlainAbsmax | QuantizedAbsmaxArrays = doubleQuantization
      ? {
          absmaxCodes: new Uint8Array(buffer, absmaxAt, blocks),
          nestedAbsmax: new Float32Array(buffer, nestedAt, nested),
          offset: new Float32Array(buffer, nestedAt + 4 * nested, 1),
        }
      : { absmax: new Float32Array(buffer, absmaxAt, blocks) };
    return { codes: new Uint8Array(buffer, 0, codes), scales, blocks };
  };
  return {
    bytesFor(shape) {
      const { blocks, codes, nested, nestedAt } = sizesOf(shape);
      return doubleQuantization ? nestedAt + 4 * nested + 4 : inLines(codes) + 4 * blocks;
    },
    weightIn(buffer, shape) {
      const { codes, scales } = arraysIn(buffer, shape);
      const given = 'absmax' in scales ? scales : { ...scales, offset: scales.offset[0] };
      return new Nf4Weight(shape, codes, given, compute);
    },
    *fill(buffer, weight) {
      const { codes, scales, blocks } = arraysIn(buffer, weight.shape);
      const absmax = 'absmax' in scales ? scales.absmax : new Float32Array(blocks);
      if (!perform('QuantizeNf4', { weight, middles: MIDDLES, codes, absmax }))
        yield* quantizeRows(weight, codes, absmax);
      if (!('absmax' in scales)) quantizeAbsmax(absmax, scales);
    },
  };
}

function* quantizeRows(weight: FrozenWeight, codes: Uint8Array, absmax: Float32Array): InPieces<void> {
  const [rows, columns] = weight.shape;
  const rowsAtOnce = Math.min(rows, Math.max(1, Math.floor(CHUNK / columns)));
  const numbers = new Float32Array(BLOCK + rowsAtOnce * columns);
  // Numbers of a block that goes on in the next rows.
  let held = 0;
  let block = 0;
  for (let row = 0; row < rows; row += rowsAtOnce) {
    const end = Math.min(rows, row + rowsAtOnce);
    weight.decode(row, end, numbers.subarray(held));
    held += (end - row) * columns;
    let start = 0;
    for (; held - start >= BLOCK || (end === rows && start < held); start += BLOCK) {
      const stop = Math.min(held, start + BLOCK);
      absmax[block] = normalize(numbers, start, stop, BLOCK);
      if (!Number.isFinite(absmax[block])) throw notFinite(numbers, start, block, columns);
      encode(numbers, start, stop, codes, (block * BLOCK) / 2);
      block++;
    }
    numbers.copyWithin(0, start, held);
    held -= start;
    yield;
  }
}

/**
 * Double quantization. What is left of `absmax` is of no use.
 *
 * The mean is that of exact sums, rounded once: the order in which PyTorch adds in fp32, and with it the last bit,
 * depends on the machine.
 */
function quantizeAbsmax(
  absmax: Float32Array,
  { absmaxCodes, nestedAbsmax, offset }: QuantizedAbsmaxArrays,
): void {
  let sum = 0;
  for (const value of absmax) sum += value;
  offset[0] = sum / absmax.length;
  for (let i = 0; i < absmax.length; i++) absmax[i] -= offset[0];

  const work = { values: absmax, middles: DYNAMIC_MIDDLES, codes: absmaxCodes, absmax: nestedAbsmax };
  if (perform('QuantizeDynamic', work)) return;
  for (let block = 0; block < nestedAbsmax.length; block++) {
    const start = block * NESTED_BLOCK;
    const stop = Math.min(absmax.length, start + NESTED_BLOCK);
    nestedAbsmax[block] = normalize(absmax, start, stop, NESTED_BLOCK);
    for (let i = start; i < stop; i++) absmaxCodes[i] = dynamicCode(absmax[i]);
  }
}

/** By less than this nothing is divided, so that a block of zeros stays one. */
const SMALLEST = Math.fround(1e-38);

/**
 * Scales a block to −1 … 1 in place, and returns the absmax to store. A block cut short by the end of the matrix is
 * divided by its absmax, a whole one multiplied by the reciprocal: bitsandbytes rounds them so.
 *
 * @returns the first number that is not finite, where there is one; nothing is scaled then
 */
function normalize(values: Float32Array, start: number, stop: number, wholeSize: number): number {
  let largest = 0;
  for (let i = start; i < stop; i++) {
    const magnitude = Math.abs(values[i]);
    if (magnitude <= largest) continue;
    if (!Number.isFinite(magnitude)) return values[i];
    largest = magnitude;
  }
  const divisor = Math.max(largest, SMALLEST);
  if (stop - start < wholeSize) {
    for (let i = start; i < stop; i++) values[i] /= divisor;
    return divisor;
  }
  const inverse = Math.fround(1 / divisor);
  for (let i = start; i < stop; i++) values[i] *= inverse;
  return largest;
}

function notFinite(numbers: Float32Array, start: number, block: number, columns: number): NotFiniteError {
  const at = numbers.subarray(start).findIndex((number) => !Number.isFinite(number));
  const row = Math.floor((block * BLOCK + at) / columns);
  return new NotFiniteError(row, numbers[start + at]);
}

// The line −1 … 1 in bins so narrow that none has more than one of the middles between the 16 values: a number's code
// is the one at its bin's begin, or the next where it lies above the bin's middle. A middle itself has the lower code.
const BINS_PER_UNIT = 16;
const binOf = (value: number) => ((value + 1) * BINS_PER_UNIT) | 0;
const MIDDLES = middlesOf(NF4_VALUES);
const BINS = Array.from({ length: binOf(1) + 1 }, (_, bin) => bin);
const FIRST_CODES = Uint8Array.from(BINS, (bin) => MIDDLES.filter((middle) => binOf(middle) < bin).length);
const BIN_MIDDLES = Float32Array.from(
  BINS,
  (bin) => MIDDLES.find((middle) => binOf(middle) === bin) ?? Number.POSITIVE_INFINITY,
);

function nf4Code(value: number): number {
  const bin = binOf(value);
  return FIRST_CODES[bin] + Number(value > BIN_MIDDLES[bin]);
}

/** Two codes a byte, from `at` on; an odd last number is followed by the code of 0. */
function encode(values: Float32Array, start: number, stop: number, codes: Uint8Array, at: number): void {
  let byte = at;
  for (let i = start; i < stop; i += 2) {
    codes[byte++] = (nf4Code(values[i]) << 4) | nf4Code(i + 1 < stop ? values[i + 1] : 0);
  }
}

const DYNAMIC_MIDDLES = middlesOf(DYNAMIC_MAP);

/** How many of the middles lie below `value`, by bisection. */
function dynamicCode(value: number): number {
  let low = 0;
  let high = DYNAMIC_MIDDLES.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (DYNAMIC_MIDDLES[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
