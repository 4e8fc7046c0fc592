import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { Random } from '../../../../../core/base/random.js';
import type { ComputeType, FrozenWeight } from '../../../../../core/ops/frozen-weight.js';
import { globalNorm } from '../../../../../core/ops/global-norm.js';
import { linear } from '../../../../../core/ops/linear.js';
import { type LoraBranch, loraLinear } from '../../../../../core/ops/lora-linear.js';
import { rmsNorm } from '../../../../../core/ops/rms-norm.js';
import type { Branch } from '../../../../../plugins/devices/native/addon.js';
import {
  addon,
  describeNative,
  expectNotFinite,
  expectReference,
  numbersOf,
  onEachIsa,
  onReference,
  withGradients,
} from '../../../../support/native.js';
import { checkGradient, randomTensor, relativeError } from '../../../../support/numbers.js';
import { int8Steps, makeWeight, STORAGES, type Storage, stepsTensor } from '../../../../support/weights.js';

const COMPUTES: ComputeType[] = ['fp32', 'bf16', 'int8'];

/**
 * `[tokens, in, out]`: none, one, around the 4, 2 and 1 rows that kernels of few rows take at once, with and without
 * whole blocks of nf4; from 33 rows on around the tiles' 6 or 14 rows and 8, 16 or 32 columns, more columns than a task
 * takes, one more than a block of the reduction has: 1024 of fp32, 2048 of bf16, 4096 of int8.
 */
const SHAPES: [number, number, number][] = [
  [0, 5, 3],
  [1, 1, 1],
  [1, 3, 1],
  [1, 7, 40],
  [5, 1, 3],
  [13, 17, 31],
  [14, 16, 32],
  [15, 33, 65],
  [29, 20, 1100],
  [2, 1025, 3],
  [3, 2049, 17],
  [3, 4097, 35],
  [2, 3, 1025],
  [3, 35, 4097],
  [1, 64, 40],
  [3, 192, 33],
  [15, 128, 9],
  [32, 576, 50],
  [33, 17, 31],
  [42, 16, 32],
  [34, 20, 1100],
  [36, 1025, 3],
  [35, 2049, 17],
  [33, 4097, 35],
  [37, 3, 1025],
  [41, 35, 4097],
  [43, 130, 300],
];
const [TOKENS, IN, OUT] = [47, 33, 65];
/** Few rows and more, which other kernels compute. */
const FEW_AND_MORE = [15, TOKENS];

/** Sums of a few thousand products, in another order. */
const EXACT = 2e-6;
/** A number rounded to bf16 is off by up to 2⁻⁹ of itself. */
const BF16 = 4e-3;
/** The worst of some thousand sums whose terms were rounded, relative to the largest of them. */
const ROUNDED: Record<ComputeType, number> = { fp32: EXACT, bf16: 6e-3, int8: 2e-2 };

/** A weight of steps of int8, which all storages but nf4 and all arithmetics hold exactly. */
function exactWeight(
  storage: Storage,
  [, width, out]: readonly number[],
  compute: ComputeType,
): FrozenWeight {
  return makeWeight(storage, [out, width], int8Steps(out, width, 1, 1 / 128), compute);
}

/** nf4 numbers have more digits than a bf16 has. */
function toleranceOf(storage: Storage, compute: ComputeType): number {
  return storage.startsWith('nf4') && compute !== 'fp32' ? BF16 : EXACT;
}

const asMatrix = (x: tf.Tensor) => x as tf.Tensor2D;

describeNative('native linear layers', () => {
  // The numbers of a shape are made once for all that is held to them.
  for (const shape of SHAPES) {
    const [tokens, width, out] = shape;
    for (const storage of STORAGES) {
      for (const compute of COMPUTES) {
        it(`[${tokens}, ${width}] with ${storage} [${out}, ${width}] in ${compute}`, () => {
          const weight = exactWeight(storage, shape, compute);
          return expectReference(toleranceOf(storage, compute), () => {
            const bias = randomTensor<tf.Rank.R1>([out], 3);
            return withGradients(
              { x: stepsTensor(tokens, width, 2) },
              ({ x }) => linear(x, weight, tokens % 2 === 0 ? bias : null),
              () => stepsTensor(tokens, out, 4),
            );
          });
        });
      }
    }
  }

  for (const storage of STORAGES) {
    for (const compute of COMPUTES) {
      it(`rounds any numbers no more than ${compute} has to, with ${storage}`, () => {
        const weight = makeWeight(storage, [70, 300], new Random(1).uniform(70 * 300, -1, 1), compute);
        return expectReference(ROUNDED[compute], () =>
          withGradients({ x: randomTensor<tf.Rank.R2>([40, 300], 2) }, ({ x }) => linear(x, weight)),
        );
      });
    }
  }

  for (const storage of ['bf16', 'int8', 'nf4'] as const) {
    for (const compute of COMPUTES) {
      for (const tokens of FEW_AND_MORE) {
        it(`makes no numbers of what is none, of ${tokens} tokens with ${storage} in ${compute}`, () => {
          const weight = exactWeight(storage, [tokens, IN, OUT], compute);
          return expectNotFinite(
            () => ({ x: stepsTensor(tokens, IN, 2), dy: stepsTensor(tokens, OUT, 3) }),
            ({ x, dy }) =>
              withGradients(
                { x },
                ({ x }) => linear(x, weight),
                () => dy,
              ),
          );
        });
      }
    }
  }

  for (const storage of ['f32', 'bf16', 'f16'] as const) {
    for (const tokens of FEW_AND_MORE) {
      it(`makes no numbers of what is none in a ${storage} weight, of ${tokens} tokens`, async () => {
        for (const compute of COMPUTES) {
          for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
            const values = int8Steps(OUT, IN, 1, 1);
            values[7 * IN + 5] = value;
            const weight = makeWeight(storage, [OUT, IN], values, compute);
            const call = () =>
              withGradients(
                { x: stepsTensor(tokens, IN, 2) },
                ({ x }) => linear(x, weight),
                () => stepsTensor(tokens, OUT, 3),
              );
            await onEachIsa((isa) => {
              const { y, dx } = numbersOf(call);
              for (let token = 0; token < tokens; token++) {
                expect(Number.isFinite(y[token * OUT + 7]), `y on ${isa}`).to.equal(false);
                expect(Number.isFinite(dx[token * IN + 5]), `dx on ${isa}`).to.equal(false);
              }
            });
          }
        }
      });
    }
  }

  it('keep what is small beside the rest of its row, down to the smallest numbers', () =>
    // A step of int8 is as large as the smallest number that has all of fp32's digits, 1.2e-38, or larger.
    expectReference({ 'at 1e-30': 1e-5, 'at 1e-36': 1e-2, 'at 1e-37': 0.1 }, () => {
      const results = [1e-30, 1e-36, 1e-37].map((size) => {
        const x = tf.mul(stepsTensor(TOKENS, IN, 2), size / 127);
        const weight = exactWeight('int8', [TOKENS, IN, OUT], 'int8');
        return [`at ${size}`, tf.div(linear(asMatrix(x), weight), size)];
      });
      return Object.fromEntries(results);
    }));

  for (const compute of COMPUTES) {
    it(`of one input are computed as if each were alone, in ${compute}`, async () => {
      const weights = [OUT, OUT, 40].map((out) => exactWeight('int8', [0, IN, out], compute));
      const compute2 = () => {
        const x = stepsTensor(TOKENS, IN, 2);
        const [q, k, v] = weights.map((weight) => (input: tf.Tensor) => linear(asMatrix(input), weight));
        const dy = stepsTensor(TOKENS, OUT, 3);
        const first = q(x);
        // Between them: what else uses the memory that kernels share.
        const dq = tf.grad(q)(x, dy);
        const second = k(x);
        const norm = globalNorm([dy, x]);
        const third = v(x);
        const dweight = tf.grads((input, weight) => rmsNorm(asMatrix(input), weight as tf.Tensor1D, 1e-5))(
          [x, tf.ones([IN])],
          x,
        )[1];
        const fourth = q(x);
        return { first, dq, second, norm, third, dweight, fourth };
      };
      await expectReference(EXACT, compute2);
    });

    it(`of one input are not mixed up by another instruction set, in ${compute}`, async () => {
      const weight = exactWeight('int8', [0, IN, OUT], compute);
      const expected = await onReference(() => ({ y: linear(stepsTensor(TOKENS, IN, 2), weight) }));
      await tf.setBackend('native');
      tf.tidy(() => {
        const x = stepsTensor(TOKENS, IN, 2);
        const isas = addon.isas();
        for (const isa of [...isas, ...isas.reverse()]) {
          addon.open(isa, 1);
          expect(relativeError(linear(x, weight).dataSync(), expected.y), isa).to.be.at.most(EXACT);
        }
      });
    });
  }

  it('have the gradients that finite differences show', () =>
    onEachIsa(() => {
      const weight = exactWeight('f32', [4, 6, 5], 'fp32');
      tf.tidy(() => checkGradient((x) => linear(asMatrix(x), weight), [randomTensor([4, 6], 2)]));
    }));
});

type LoraInputs = Record<'x' | 'a' | 'b', tf.Tensor2D>;

const loraInputs = ([tokens, width, out]: readonly number[], rank: number): LoraInputs => ({
  x: stepsTensor(tokens, width, 2),
  a: randomTensor<tf.Rank.R2>([rank, width], 3),
  b: randomTensor<tf.Rank.R2>([out, rank], 4),
});

function adapted(inputs: LoraInputs, weight: FrozenWeight, further: Partial<LoraBranch> = {}): tf.Tensor2D {
  const bias = randomTensor<tf.Rank.R1>([weight.shape[0]], 5);
  return loraLinear(inputs.x, weight, bias, { ...inputs, scaling: 0.5, dropout: 0, seed: 11, ...further });
}

describeNative('native linear layers with a low-rank branch', () => {
  for (const rank of [1, 8, 11, 64]) {
    for (const dropout of [0, 0.05, 0.5]) {
      for (const shape of [
        [0, 5, 3],
        [1, 1, 1],
        [7, 40, 5],
        [TOKENS, IN, OUT],
        [70, 20, 300],
      ]) {
        it(`of rank ${rank} on [${shape}], dropout ${dropout}`, async () => {
          for (const compute of COMPUTES) {
            const weight = exactWeight('int8', shape, compute);
            await expectReference(EXACT, () =>
              withGradients(
                loraInputs(shape, rank),
                (inputs) => adapted(inputs, weight, { dropout }),
                () => stepsTensor(shape[0], shape[2], 6),
              ),
            );
          }
        });
      }
    }
  }

  for (const storage of STORAGES) {
    it(`of rank 8 with ${storage}`, async () => {
      for (const compute of COMPUTES) {
        const weight = exactWeight(storage, [TOKENS, IN, OUT], compute);
        await expectReference(toleranceOf(storage, compute), () =>
          withGradients(
            loraInputs([TOKENS, IN, OUT], 8),
            (inputs) => adapted(inputs, weight, { dropout: 0.1 }),
            () => stepsTensor(TOKENS, OUT, 6),
          ),
        );
      }
    });
  }

  it('have the gradients that finite differences show', () =>
    onEachIsa(() => {
      const weight = exactWeight('f32', [5, 6, 4], 'fp32');
      tf.tidy(() => {
        const { a, b } = loraInputs([5, 6, 4], 3);
        const f = (...[x, a, b]: tf.Tensor[]) => adapted({ x, a, b } as LoraInputs, weight, { dropout: 0.4 });
        checkGradient(f, [randomTensor([5, 6], 2), a, b]);
      });
    }));

  for (const tokens of FEW_AND_MORE) {
    it(`make no numbers of what is none, of ${tokens} tokens`, async () => {
      for (const compute of COMPUTES) {
        const weight = exactWeight('int8', [tokens, 20, 9], compute);
        await expectNotFinite(
          () => ({ ...loraInputs([tokens, 20, 9], 3), dy: stepsTensor(tokens, 9, 6) }),
          ({ x, a, b, dy }) =>
            withGradients(
              { x, a, b },
              (inputs) => adapted(inputs, weight, { dropout: 0.3 }),
              () => dy,
            ),
        );
      }
    });
  }
});

describeNative('native linear layers of few rows', () => {
  /** The most that they take. */
  const MOST = 32;

  for (const storage of STORAGES) {
    for (const rank of [0, 8]) {
      it(`yield for a row the same bits however many there are, with ${storage}, rank ${rank}`, async () => {
        // With and without whole blocks of nf4 and whole vectors; more rows of the weight than a task takes at once.
        for (const [width, out] of [
          [33, 65],
          [192, 70],
        ]) {
          const values = new Random(1).uniform(out * width, -1, 1);
          const weight = makeWeight(storage, [out, width], values);
          const call = (x: tf.Tensor2D) => {
            if (rank === 0) return linear(x, weight, randomTensor<tf.Rank.R1>([out], 5));
            return adapted({ ...loraInputs([0, width, out], rank), x }, weight);
          };
          await onEachIsa(
            (isa) =>
              tf.tidy(() => {
                const x = randomTensor<tf.Rank.R2>([MOST, width], 2);
                const all = call(x).dataSync();
                for (let rows = 1; rows < MOST; rows++) {
                  for (const first of [0, MOST - rows]) {
                    const some = call(tf.slice2d(x, [first, 0], [rows, width])).dataSync();
                    const same = all.subarray(first * out, (first + rows) * out);
                    expect(
                      bytesOf(some).equals(bytesOf(same)),
                      `${rows} rows from ${first} on ${isa}`,
                    ).to.equal(true);
                  }
                }
              }),
            2,
          );
        }
      });
    }
  }
});

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}

describeNative('columns kept out of int8', () => {
  // More than the few rows that are computed in fp32.
  const [tokens, width, out] = [35, 300, 200];
  const values = int8Steps(out, width, 1, 1);
  const bytes = new Uint8Array(Int8Array.from(values).buffer);
  const scales = new Float32Array(out).fill(1 / 128);
  const [a, b] = [new Random(3).uniform(8 * width, -1, 1), new Random(4).uniform(8 * out, -1, 1)];

  /** Steps of int8, and in two columns numbers that would cost the others of their row all of theirs. */
  function withOutliers(columns: number): Float32Array {
    const x = int8Steps(tokens, columns, 2, 1);
    for (let row = 0; row < tokens; row++) {
      if (row % 2 === 0) x[row * columns + 3] = 1e6 + row;
      else x[(row + 1) * columns - 1] = -3e5 - row;
    }
    return x;
  }

  for (const [what, branch] of [
    ['alone', []],
    ['beside a branch', [a, b, 8, 0.5, 0, 0]],
    ['beside a branch with dropout', [a, b, 8, 0.5, 0.3, 7]],
  ] as [string, Branch | []][]) {
    it(`lose nothing to the other columns, ${what}`, () =>
      onEachIsa((isa) => {
        const weight = addon.makeWeight(3, out, width, bytes, scales, null, null, null, 0);
        const run = (compute: number, threshold: number) => {
          const y = new Float32Array(tokens * out);
          const dx = new Float32Array(tokens * width);
          addon.linear(withOutliers(width), 0, tokens, weight, compute, threshold, null, y, ...branch);
          addon.linearInputGradient(withOutliers(out), tokens, weight, compute, threshold, dx, ...branch);
          return { y, dx };
        };
        const [expected, rounded, kept] = [run(0, 0), run(2, 0), run(2, 6)];
        for (const result of ['y', 'dx'] as const) {
          expect(relativeError(kept[result], expected[result]), `${result} on ${isa}`).to.be.at.most(EXACT);
          expect(relativeError(rounded[result], expected[result]), `${result} on ${isa}`).to.be.above(1e-4);
        }
      }));
  }
});
