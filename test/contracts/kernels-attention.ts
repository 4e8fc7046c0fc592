import type * as tf from '@tensorflow/tfjs';
import { attention } from '../../core/ops/attention.js';
import { withGradients } from '../support/native.js';
import { randomTensor } from '../support/numbers.js';
import { makeWeight } from '../support/weights.js';
import type { AttentionSizes } from './cache.js';
import type { KernelHost } from './kernel-host.js';

/** Around the tiles: 4, 8 or 64 rows of the block's own, 16, 32 or 64 of the other side; rows of up to 64, 128 and 256 numbers. */
const CASES: AttentionSizes[] = [
  { lengths: [1], heads: 1, kvHeads: 1, dim: 1 },
  { lengths: [1, 7, 8, 9, 31, 32, 33, 70], heads: 2, kvHeads: 1, dim: 20 },
  { lengths: [5, 37], heads: 6, kvHeads: 2, dim: 16 },
  { lengths: [40], heads: 1, kvHeads: 1, dim: 128 },
  { lengths: [19], heads: 1, kvHeads: 1, dim: 200 },
  { lengths: [63, 64, 65], heads: 2, kvHeads: 1, dim: 64 },
  { lengths: [130], heads: 1, kvHeads: 1, dim: 72, prefixes: [100] },
  { lengths: [5, 40, 70], heads: 2, kvHeads: 1, dim: 20, prefixes: [5, 0, 57] },
  { lengths: [6, 69], heads: 4, kvHeads: 4, dim: 8, slopes: [1, 0.5, 0.01, 0] },
  {
    lengths: [17, 40],
    heads: 2,
    kvHeads: 1,
    dim: 32,
    prefixes: [20, 39].map((n) => n - 5),
    slopes: [0.7, -0.03],
  },
];
/** Softmax, and sums of up to a hundred terms of either sign; gradients are sums of their differences. */
const TOLERANCE = 5e-6;
/** Numbers that are rounded to bf16, and scores and their changes too before they are multiplied. */
const BF16_TOLERANCE = 2e-2;

export function describeAttentionKernels(host: KernelHost): void {
  for (const [compute, tolerance] of [
    ['fp32', TOLERANCE],
    ['bf16', BF16_TOLERANCE],
  ] as const) {
    host.describe(`${host.title} attention in ${compute}`, () => {
      // The gradients of a single token's scores are zero: what is left of them in bf16 cannot be compared.
      for (const { lengths, heads, kvHeads, dim, prefixes, slopes } of CASES.slice(
        compute === 'bf16' ? 1 : 0,
      )) {
        const further = `${prefixes ? `, prefixes ${prefixes}` : ''}${slopes ? `, slopes ${slopes}` : ''}`;
        it(`of sequences of ${lengths} tokens, ${heads}/${kvHeads} heads of ${dim}${further}`, () => {
          const offsets = new Int32Array(lengths.length + 1);
          for (const [s, length] of lengths.entries()) offsets[s + 1] = offsets[s] + length;
          const tokens = offsets[lengths.length];
          const options = {
            // Larger than usual, so that the softmax is not flat.
            scale: 4 / Math.sqrt(dim),
            offsets,
            precisionOf: makeWeight('f32', [1, 1], new Float32Array(1), compute),
            ...(prefixes && { prefixes: Int32Array.from(prefixes) }),
            ...(slopes && { slopes: Float32Array.from(slopes) }),
          };
          return host.hold(tolerance, () =>
            withGradients(
              {
                q: randomTensor<tf.Rank.R3>([tokens, heads, dim], 1),
                k: randomTensor<tf.Rank.R3>([tokens, kvHeads, dim], 2),
                v: randomTensor<tf.Rank.R3>([tokens, kvHeads, dim], 3),
              },
              ({ q, k, v }) => attention(q, k, v, options),
            ),
          );
        });
      }
    });
  }
}
