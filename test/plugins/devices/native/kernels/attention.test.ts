import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { type AttentionOptions, attention } from '../../../../../core/ops/attention.js';
import { attentionLayout } from '../../../../../core/ops/attention-layout.js';
import type { ComputeType } from '../../../../../core/ops/frozen-weight.js';
import { type AttentionSizes, batchOf } from '../../../../contracts/cache.js';
import {
  describeNative,
  expectNotFinite,
  expectReference,
  numbersOf,
  onEachIsa,
  type Results,
  withGradients,
} from '../../../../support/native.js';
import { checkGradient, randomTensor } from '../../../../support/numbers.js';
import { TensorCache } from '../../../../support/tensor-cache.js';
import { makeWeight } from '../../../../support/weights.js';

interface Sizes extends AttentionSizes {
  readonly compute?: ComputeType;
}

/** Around the blocks: 24 or 56 queries, 128 keys forward, 48 or 112 backward. */
const LENGTHS = [1, 2, 23, 25, 55, 56, 57, 127, 128, 129, 300];

const CASES: Sizes[] = [
  { lengths: [1], heads: 1, kvHeads: 1, dim: 1 },
  ...[20, 32].map((dim) => ({ lengths: LENGTHS, heads: 2, kvHeads: 1, dim })),
  ...[3, 8, 64, 128].map((dim) => ({ lengths: [1, 57, 113, 130], heads: 2, kvHeads: 1, dim })),
  { lengths: [5, 57, 130], heads: 6, kvHeads: 2, dim: 16 },
  { lengths: [49, 113], heads: 3, kvHeads: 3, dim: 24 },
  { lengths: [5, 60, 131, 200], heads: 2, kvHeads: 1, dim: 20, prefixes: [5, 0, 130, 57] },
  { lengths: [6, 129], heads: 4, kvHeads: 4, dim: 8, slopes: [1, 0.5, 0.01, 0] },
  { lengths: [57, 140], heads: 2, kvHeads: 1, dim: 32, prefixes: [20, 129], slopes: [0.7, -0.03] },
];

/** Softmax, and sums of up to 300 terms of either sign; gradients are sums of their differences. */
const TOLERANCES = { fp32: 3e-6, bf16: 1.5e-2, int8: 1.5e-2 };

type Inputs = Record<'q' | 'k' | 'v', tf.Tensor3D>;

function makeInputs({ lengths, heads, kvHeads, dim }: Sizes): Inputs {
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  return {
    q: randomTensor<tf.Rank.R3>([tokens, heads, dim], 1),
    k: randomTensor<tf.Rank.R3>([tokens, kvHeads, dim], 2),
    v: randomTensor<tf.Rank.R3>([tokens, kvHeads, dim], 3),
  };
}

function optionsOf({ lengths, dim, prefixes, slopes, compute = 'fp32' }: Sizes): AttentionOptions {
  const offsets = new Int32Array(lengths.length + 1);
  for (const [s, length] of lengths.entries()) offsets[s + 1] = offsets[s] + length;
  return {
    // Larger than usual, so that the softmax is not flat.
    scale: 4 / Math.sqrt(dim),
    offsets,
    precisionOf: makeWeight('f32', [1, 1], new Float32Array(1), compute),
    ...(prefixes && { prefixes: Int32Array.from(prefixes) }),
    ...(slopes && { slopes: Float32Array.from(slopes) }),
  };
}

function attend({ q, k, v }: Inputs, sizes: Sizes): tf.Tensor3D {
  return attention(q, k, v, optionsOf(sizes));
}

function attendWithGradients(sizes: Sizes): Results {
  return withGradients(makeInputs(sizes), (inputs) => attend(inputs, sizes));
}

describeNative('native attention', () => {
  for (const sizes of CASES) {
    const { lengths, heads, kvHeads, dim, prefixes, slopes } = sizes;
    const further = `${prefixes ? `, prefixes ${prefixes}` : ''}${slopes ? `, slopes ${slopes}` : ''}`;
    it(`of sequences of ${lengths} tokens, ${heads}/${kvHeads} heads of ${dim}${further}`, () =>
      expectReference(TOLERANCES.fp32, () => attendWithGradients(sizes)));
  }

  for (const compute of ['bf16', 'int8'] as const) {
    it(`where products are computed in ${compute}`, () =>
      expectReference(TOLERANCES[compute], () => attendWithGradients({ ...CASES[7], compute })));
  }

  it('computes each sequence, forward and backward, as if it were alone, to the bit', () =>
    onEachIsa((isa) => {
      const sizes = CASES[7];
      const { y, dq, dk, dv } = numbersOf(() => attendWithGradients(sizes));
      const [, second] = sizes.lengths;
      const alone = numbersOf(() => {
        const start = sizes.lengths[0];
        const part = (x: tf.Tensor3D) => tf.slice(x, start, second);
        const { q, k, v } = makeInputs(sizes);
        const inputs = { q: part(q), k: part(k), v: part(v) };
        const dy = part(randomTensor<tf.Rank.R3>(q.shape, 99));
        return withGradients(
          inputs,
          (at) => attend(at, { ...sizes, lengths: [second] }),
          () => dy,
        );
      });
      for (const [name, values] of Object.entries({ y, dq, dk, dv })) {
        const rowSize = values.length / sizes.lengths.reduce((sum, length) => sum + length, 0);
        const part = values.subarray(sizes.lengths[0] * rowSize, (sizes.lengths[0] + second) * rowSize);
        expect(
          Buffer.from(part.slice().buffer).equals(Buffer.from(alone[name].buffer)),
          `${name} on ${isa}`,
        ).to.equal(true);
      }
    }));

  it('needs no biases, and no cache but its own', async () => {
    await tf.setBackend('native');
    expect(attentionLayout(optionsOf(CASES[5])).biases).to.equal(undefined);
    const cache = new TensorCache();
    const sequence = cache.begin();
    const pass = cache.pass(batchOf([3]), [sequence]);
    const x = tf.zeros<tf.Rank.R3>([3, 1, 2]);
    const options = { scale: 1, offsets: pass.batch.offsets, cache: pass.layer(0) };
    expect(() => attention(x, x, x, options)).to.throw(TypeError, 'PagedCache alone');
    x.dispose();
  });

  it('has the gradients that finite differences show', () =>
    onEachIsa(() => {
      const sizes: Sizes = {
        lengths: [3, 6],
        heads: 2,
        kvHeads: 1,
        dim: 4,
        prefixes: [0, 3],
        slopes: [0.3, -0.2],
      };
      tf.tidy(() =>
        checkGradient((q, k, v) => attend({ q, k, v } as Inputs, sizes), Object.values(makeInputs(sizes))),
      );
    }));

  // The exponent of a large score has few digits behind its point.
  for (const [size, tolerance] of [
    [60, 1e-4],
    [3000, 1e-2],
  ] as const) {
    it(`of scores up to hundreds of times ${size / 60} apart`, () =>
      expectReference(tolerance, () => {
        const sizes = { lengths: [70, 140], heads: 2, kvHeads: 1, dim: 8 };
        const { q, k, v } = makeInputs(sizes);
        return withGradients({ q: tf.mul(q, size), k, v } as Inputs, (inputs) => attend(inputs, sizes));
      }));
  }

  it('makes no numbers of what is none', async () => {
    for (const compute of ['fp32', 'bf16', 'int8'] as const) {
      const sizes = { lengths: [140], heads: 2, kvHeads: 1, dim: 8, compute };
      await expectNotFinite(
        () => ({ ...makeInputs(sizes), dy: randomTensor([140, 2, 8], 5) }),
        ({ dy, ...inputs }) =>
          withGradients(
            inputs,
            (at) => attend(at, sizes),
            () => dy,
          ),
        // The last query sees all keys, the first key is seen by all queries. The reference spreads the others further
        // than they reach: to tokens that are masked.
        { q: [-1], k: [0], v: [0], dy: [-1] },
      );
    }
  });
});
