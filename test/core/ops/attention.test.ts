import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { attention, type CausalMask } from '../../../core/ops/attention.js';
import { forEachBackend } from '../../support/backends.js';
import { checkGradient, expectClose, randomTensor } from '../../support/numbers.js';

interface Sizes {
  readonly lengths: readonly number[];
  readonly length: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly dim: number;
}

const CASES: Sizes[] = [
  { lengths: [1], length: 1, heads: 1, kvHeads: 1, dim: 1 },
  { lengths: [5], length: 5, heads: 2, kvHeads: 2, dim: 4 },
  { lengths: [7, 3, 1], length: 7, heads: 6, kvHeads: 2, dim: 3 },
  { lengths: [2, 4], length: 4, heads: 3, kvHeads: 1, dim: 5 },
];

const SCALE = 0.7;

const maskOf = (lengths: readonly number[]): CausalMask => ({
  kind: 'causal',
  lengths: Int32Array.from(lengths),
});

function makeInputs({
  lengths,
  length,
  heads,
  kvHeads,
  dim,
}: Sizes): [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D] {
  return [
    randomTensor<tf.Rank.R4>([lengths.length, length, heads, dim], 1),
    randomTensor<tf.Rank.R4>([lengths.length, length, kvHeads, dim], 2),
    randomTensor<tf.Rank.R4>([lengths.length, length, kvHeads, dim], 3),
  ];
}

/** Attention of the real tokens; 0 for padding. */
function reference(inputs: readonly tf.Tensor[], { lengths, length, heads, kvHeads, dim }: Sizes) {
  const [q, k, v] = inputs.map((input) => input.dataSync());
  const y = new Float64Array(q.length);
  for (const [row, real] of lengths.entries()) {
    for (let head = 0; head < heads; head++) {
      const kvHead = Math.floor(head / (heads / kvHeads));
      const key = (token: number) => ((row * length + token) * kvHeads + kvHead) * dim;
      for (let token = 0; token < real; token++) {
        const query = ((row * length + token) * heads + head) * dim;
        const weights: number[] = [];
        for (let seen = 0; seen <= token; seen++) {
          let score = 0;
          for (let i = 0; i < dim; i++) score += q[query + i] * k[key(seen) + i];
          weights.push(Math.exp(score * SCALE));
        }
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        for (const [seen, weight] of weights.entries()) {
          for (let i = 0; i < dim; i++) y[query + i] += (weight / total) * v[key(seen) + i];
        }
      }
    }
  }
  return y;
}

/** 1 for real tokens, 0 for padding: `[rows, length, 1, 1]`. */
function realTokens({ lengths, length }: Sizes): tf.Tensor4D {
  const ones = lengths.flatMap((real) => Array.from({ length }, (_, token) => Number(token < real)));
  return tf.tensor4d(ones, [lengths.length, length, 1, 1]);
}

describe('attention', () => {
  forEachBackend(() => {
    for (const sizes of CASES) {
      const { lengths, heads, kvHeads, dim } = sizes;
      it(`mixes rows of ${lengths} tokens, ${heads}/${kvHeads} heads of ${dim}`, () => {
        tf.tidy(() => {
          const inputs = makeInputs(sizes);
          const y = attention(...inputs, { scale: SCALE, mask: maskOf(lengths) });
          expectClose(tf.mul(y, realTokens(sizes)).dataSync(), reference(inputs, sizes), 1e-5);
        });
      });
    }

    it('has the gradients of q, k and v', () => {
      tf.tidy(() => {
        const mask = maskOf(CASES[2].lengths);
        checkGradient(
          (q, k, v) =>
            attention(q as tf.Tensor4D, k as tf.Tensor4D, v as tf.Tensor4D, { scale: SCALE, mask }),
          makeInputs(CASES[2]),
        );
      });
    });

    it('computes for real tokens, forward and backward, as if there were no padding', () => {
      const sizes = CASES[2];
      tf.tidy(() => {
        // What stands in the padding is large, so that the slightest share of it is seen.
        const padding = tf.sub(1, realTokens(sizes));
        const inputs = makeInputs(sizes).map((input) => tf.add(input, tf.mul(padding, 50)) as tf.Tensor4D);
        const dy = randomTensor<tf.Rank.R4>(inputs[0].shape, 4);

        const run = (at: tf.Tensor[], lengths: readonly number[], weighting: tf.Tensor) => {
          const mask = maskOf(lengths);
          const f = (...[q, k, v]: tf.Tensor[]) =>
            attention(q as tf.Tensor4D, k as tf.Tensor4D, v as tf.Tensor4D, { scale: SCALE, mask });
          return [f(...at), ...tf.grads((...xs) => tf.sum(tf.mul(f(...xs), weighting)))(at)];
        };
        const padded = run(inputs, sizes.lengths, tf.mul(dy, realTokens(sizes)));
        for (const [row, real] of sizes.lengths.entries()) {
          const rowOf = (tensor: tf.Tensor) => tf.slice(tensor, [row, 0], [1, real]);
          const alone = run(inputs.map(rowOf), [real], rowOf(dy));
          for (const [i, what] of ['output', 'dq', 'dk', 'dv'].entries()) {
            expectClose(rowOf(padded[i]).dataSync(), alone[i].dataSync(), 1e-6, `${what} of row ${row}`);
          }
        }
        for (const gradient of padded.slice(1)) {
          const leaked = tf.sum(tf.abs(tf.mul(gradient, padding))).dataSync()[0];
          expect(leaked, 'gradient of padding').to.equal(0);
        }
      });
    });

    it('attends to no padding, not even from padding', () => {
      tf.tidy(() => {
        const sizes = CASES[2];
        const [q, k, v] = makeInputs(sizes);
        const noise = tf.mul(tf.sub(1, realTokens(sizes)), 9);
        const options = { scale: SCALE, mask: maskOf(sizes.lengths) };
        const changed = attention(
          q,
          tf.add(k, noise) as tf.Tensor4D,
          tf.add(v, noise) as tf.Tensor4D,
          options,
        );
        expect(changed.dataSync()).to.deep.equal(attention(q, k, v, options).dataSync());
      });
    });

    it('does not see tokens to come', () => {
      tf.tidy(() => {
        const sizes = CASES[1];
        const inputs = makeInputs(sizes);
        const from3 = tf.tensor4d([0, 0, 0, 9, 9], [1, 5, 1, 1]);
        const changed = inputs.map((input) => tf.add(input, from3) as tf.Tensor4D) as typeof inputs;
        const [before, after] = [inputs, changed].map(
          (xs) => attention(...xs, { scale: SCALE, mask: maskOf([5]) }) as tf.Tensor,
        );
        const upTo3 = (y: tf.Tensor) => tf.slice(y, [0, 0], [1, 3]).dataSync();
        expect(upTo3(after)).to.deep.equal(upTo3(before));
        expect(after.dataSync()).not.to.deep.equal(before.dataSync());
      });
    });

    it('stays finite in a row of nothing but padding', () => {
      tf.tidy(() => {
        const y = attention(...makeInputs(CASES[1]), { scale: SCALE, mask: maskOf([0]) });
        expect([...y.dataSync()].every(Number.isFinite)).to.equal(true);
      });
    });

    it('refuses heads that the key-value heads do not divide', () => {
      tf.tidy(() => {
        const inputs = makeInputs({ lengths: [2], length: 2, heads: 3, kvHeads: 2, dim: 2 });
        expect(() => attention(...inputs, { scale: 1, mask: maskOf([2]) })).to.throw(
          RangeError,
          '3 heads are no multiple of 2 key-value heads',
        );
      });
    });
  });
});
