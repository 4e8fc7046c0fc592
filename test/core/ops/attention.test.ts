import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { type AttentionOptions, attention } from '../../../core/ops/attention.js';
import { attentionLayout } from '../../../core/ops/attention-layout.js';
import type { AttentionSizes } from '../../contracts/cache.js';
import { forEachBackend } from '../../support/backends.js';
import { checkGradient, expectClose, randomTensor } from '../../support/numbers.js';

const CASES: AttentionSizes[] = [
  { lengths: [1], heads: 1, kvHeads: 1, dim: 1 },
  { lengths: [5], heads: 2, kvHeads: 2, dim: 4 },
  { lengths: [7, 3, 1], heads: 6, kvHeads: 2, dim: 3 },
  { lengths: [4, 5], heads: 3, kvHeads: 1, dim: 5, prefixes: [0, 3] },
  { lengths: [3], heads: 2, kvHeads: 2, dim: 2, prefixes: [3] },
  { lengths: [6, 2], heads: 4, kvHeads: 4, dim: 3, slopes: [1, 0.5, 0.25, 0] },
  { lengths: [5, 4], heads: 2, kvHeads: 1, dim: 3, prefixes: [2, 4], slopes: [0.7, -0.3] },
];

const SCALE = 0.7;

type Inputs = [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D];

function makeInputs({ lengths, heads, kvHeads, dim }: AttentionSizes): Inputs {
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  return [
    randomTensor<tf.Rank.R3>([tokens, heads, dim], 1),
    randomTensor<tf.Rank.R3>([tokens, kvHeads, dim], 2),
    randomTensor<tf.Rank.R3>([tokens, kvHeads, dim], 3),
  ];
}

function optionsOf({ lengths, prefixes, slopes }: AttentionSizes): AttentionOptions {
  const offsets = new Int32Array(lengths.length + 1);
  for (const [s, length] of lengths.entries()) offsets[s + 1] = offsets[s] + length;
  return {
    scale: SCALE,
    offsets,
    ...(prefixes && { prefixes: Int32Array.from(prefixes) }),
    ...(slopes && { slopes: Float32Array.from(slopes) }),
  };
}

function attend(inputs: readonly tf.Tensor[], sizes: AttentionSizes): tf.Tensor {
  const [q, k, v] = inputs as Inputs;
  return attention(q, k, v, optionsOf(sizes));
}

function reference(inputs: readonly tf.Tensor[], sizes: AttentionSizes) {
  const { lengths, heads, kvHeads, dim, prefixes, slopes } = sizes;
  const [q, k, v] = inputs.map((input) => input.dataSync());
  const y = new Float64Array(q.length);
  let start = 0;
  for (const [s, length] of lengths.entries()) {
    for (let head = 0; head < heads; head++) {
      const kvHead = Math.floor(head / (heads / kvHeads));
      const key = (token: number) => ((start + token) * kvHeads + kvHead) * dim;
      for (let token = 0; token < length; token++) {
        const query = ((start + token) * heads + head) * dim;
        const prefix = prefixes?.[s] ?? 0;
        const weights: number[] = [];
        for (let seen = 0; seen < length; seen++) {
          if (seen > token && !(token < prefix && seen < prefix)) break;
          let score = 0;
          for (let i = 0; i < dim; i++) score += q[query + i] * k[key(seen) + i];
          weights.push(Math.exp(score * SCALE + (slopes?.[head] ?? 0) * (seen - token)));
        }
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        for (const [seen, weight] of weights.entries()) {
          for (let i = 0; i < dim; i++) y[query + i] += (weight / total) * v[key(seen) + i];
        }
      }
    }
    start += length;
  }
  return y;
}

describe('attention', () => {
  forEachBackend(() => {
    for (const sizes of CASES) {
      const { lengths, heads, kvHeads, dim, prefixes, slopes } = sizes;
      const further = `${prefixes ? `, prefixes ${prefixes}` : ''}${slopes ? `, slopes ${slopes}` : ''}`;
      const what = `sequences of ${lengths} tokens, ${heads}/${kvHeads} heads of ${dim}${further}`;

      it(`mixes ${what}`, () => {
        tf.tidy(() => {
          const inputs = makeInputs(sizes);
          expectClose(attend(inputs, sizes).dataSync(), reference(inputs, sizes), 1e-5);
        });
      });

      it(`has the gradients of q, k and v: ${what}`, () => {
        tf.tidy(() => checkGradient((...inputs) => attend(inputs, sizes), makeInputs(sizes)));
      });
    }

    it('computes each sequence, forward and backward, as if it were alone', () => {
      tf.tidy(() => {
        const sizes = CASES[2];
        const inputs = makeInputs(sizes);
        const dy = randomTensor(inputs[0].shape, 4);
        const run = (at: tf.Tensor[], of: AttentionSizes, weighting: tf.Tensor) => {
          const loss = (...xs: tf.Tensor[]) => tf.sum(tf.mul(attend(xs, of), weighting));
          return [attend(at, of), ...tf.grads(loss)(at)];
        };
        const together = run(inputs, sizes, dy);
        let start = 0;
        for (const [s, length] of sizes.lengths.entries()) {
          const part = (tensor: tf.Tensor) => tf.slice(tensor, start, length);
          const alone = run(inputs.map(part), { ...sizes, lengths: [length] }, part(dy));
          for (const [i, what] of ['output', 'dq', 'dk', 'dv'].entries()) {
            expectClose(part(together[i]).dataSync(), alone[i].dataSync(), 1e-6, `${what} of sequence ${s}`);
          }
          start += length;
        }
      });
    });

    it('takes a layout that was made once, to the same bits, and then makes no biases of its own', () => {
      for (const sizes of CASES) {
        tf.tidy(() => {
          const inputs = makeInputs(sizes);
          const given = optionsOf(sizes);
          const layout = attentionLayout(given);
          const run = (options: AttentionOptions) => {
            const f = (...[q, k, v]: tf.Tensor[]) =>
              attention(q as tf.Tensor3D, k as tf.Tensor3D, v as tf.Tensor3D, options);
            const { numTensors } = tf.memory();
            const y = f(...inputs);
            const made = tf.memory().numTensors - numTensors;
            const numbers = [y, ...tf.grads(f)(inputs)].map((x) => [...x.dataSync()]);
            return { made, numbers };
          };
          const [anew, once] = [run(given), run({ ...given, ...layout })];
          expect(once.numbers).to.deep.equal(anew.numbers);
          expect(once.made).to.equal(anew.made - sizes.lengths.length);
        });
      }
    });

    it('rounds each addend of a bias to fp32', () => {
      tf.tidy(() => {
        const slopes = Float32Array.of(0.1, 2 / 3, -0.7);
        const { biases = [] } = attentionLayout(
          { offsets: Int32Array.of(0, 2, 5), slopes },
          { pasts: Int32Array.of(9, 0) },
        );
        for (const [s, bias] of biases.entries()) {
          const [, queries, keys] = bias.shape;
          const places = (count: number, start = 0) => tf.range(start, start + count);
          const key = tf.reshape(places(keys), [1, 1, keys]);
          const query = tf.reshape(places(queries, keys - queries), [1, queries, 1]);
          const mask = tf.where(tf.greater(key, query), -1e9, 0);
          const sum = tf.add(mask, tf.mul(tf.reshape(slopes, [3, 1, 1]), tf.sub(key, query)));
          expect([...bias.dataSync()], `sequence ${s}`).to.deep.equal([...sum.dataSync()]);
        }
        expect(biases.map(({ shape }) => shape)).to.deep.equal([
          [3, 2, 11],
          [3, 3, 3],
        ]);
      });
    });

    it('refuses the layout of another batch', () => {
      tf.tidy(() => {
        const [q, k, v] = makeInputs(CASES[2]);
        const layout = attentionLayout({ offsets: Int32Array.of(0, 7, 11) });
        const call = () => attention(q, k, v, { ...optionsOf(CASES[2]), biases: layout.biases });
        expect(call).to.throw(RangeError, 'biases [1,7,7] [1,4,4] do not fit: [1,7,7] [1,3,3] [1,1,1]');
      });
    });

    it('sees tokens to come within a prefix alone', () => {
      tf.tidy(() => {
        const sizes = { ...CASES[1], prefixes: [2] };
        const inputs = makeInputs(sizes);
        const changedFrom = (at: number) => {
          const noise = tf.tensor3d(
            Array.from({ length: 5 }, (_, token) => (token >= at ? 9 : 0)),
            [5, 1, 1],
          );
          return attend(
            inputs.map((input) => tf.add(input, noise)),
            sizes,
          );
        };
        const upTo = (y: tf.Tensor, end: number) => tf.slice(y, 0, end).dataSync();
        const before = attend(inputs, sizes);
        expect(upTo(changedFrom(3), 3)).to.deep.equal(upTo(before, 3));
        expect(upTo(changedFrom(1), 1)).not.to.deep.equal(upTo(before, 1));
      });
    });

    for (const [text, shapes, options] of [
      [
        '3 heads are no multiple of 2 key-value heads',
        [
          [2, 3, 2],
          [2, 2, 2],
          [2, 2, 2],
        ],
        { offsets: [0, 2] },
      ],
      [
        'do not fit together',
        [
          [2, 2, 2],
          [3, 2, 2],
          [3, 2, 2],
        ],
        { offsets: [0, 2] },
      ],
      [
        'do not fit together',
        [
          [2, 2, 2],
          [2, 2, 2],
          [2, 1, 2],
        ],
        { offsets: [0, 2] },
      ],
      [
        'are [0,1]',
        [
          [2, 2, 2],
          [2, 2, 2],
          [2, 2, 2],
        ],
        { offsets: [0, 1] },
      ],
      [
        'are [0,3,2]',
        [
          [2, 2, 2],
          [2, 2, 2],
          [2, 2, 2],
        ],
        { offsets: [0, 3, 2] },
      ],
      [
        'are [0,2,2]',
        [
          [2, 2, 2],
          [2, 2, 2],
          [2, 2, 2],
        ],
        { offsets: [0, 2, 2] },
      ],
      [
        'are [1,2]',
        [
          [2, 2, 2],
          [2, 2, 2],
          [2, 2, 2],
        ],
        { offsets: [1, 2] },
      ],
      [
        '2 prefixes do not fit 1 sequences',
        [
          [2, 2, 2],
          [2, 2, 2],
          [2, 2, 2],
        ],
        { offsets: [0, 2], prefixes: [1, 1] },
      ],
      [
        'the prefix 2 is not within sequence 1',
        [
          [2, 2, 2],
          [2, 2, 2],
          [2, 2, 2],
        ],
        { offsets: [0, 1, 2], prefixes: [1, 2] },
      ],
      [
        '1 slopes do not fit 2 heads',
        [
          [2, 2, 2],
          [2, 2, 2],
          [2, 2, 2],
        ],
        { offsets: [0, 2], slopes: [1] },
      ],
    ] as [string, number[][], { offsets: number[]; prefixes?: number[]; slopes?: number[] }][]) {
      it(`refuses what does not fit: ${text}`, () => {
        tf.tidy(() => {
          const [q, k, v] = shapes.map((shape) => tf.ones(shape as [number, number, number])) as Inputs;
          const { offsets, prefixes, slopes } = options;
          const call = () =>
            attention(q, k, v, {
              scale: 1,
              offsets: Int32Array.from(offsets),
              ...(prefixes && { prefixes: Int32Array.from(prefixes) }),
              ...(slopes && { slopes: Float32Array.from(slopes) }),
            });
          expect(call).to.throw(RangeError, text);
        });
      });
    }
  });
});
