/**
 * Attention as masked batches: sequences of about one length are padded to one, and computed together. Of the scores, only those
 * of a batch are there at a time; the gradient computes them again.
 */

import type { AttentionOptions } from '../../../../core/index.js';
import { F32, type Handle } from '../binding.js';
import type { Ops } from '../ops.js';
import { gradient, kernel, type Tensorflow } from './kit.js';

/** Sequences that are computed together. */
interface SequenceBatch {
  readonly sequences: number;
  /** That of the longest. */
  readonly length: number;
  /** `[sequences · length]`: which token stands where. Behind the end of a sequence that is its last token again. */
  readonly tokens: Handle;
  /** `[1 or sequences, 1 or heads, length, length]`, added to the scores. */
  readonly bias: Handle;
  /** `[sequences, 1, length, 1]`: 0 behind the end of a sequence. Undefined where all have one length. */
  readonly isToken?: Handle | undefined;
}

/** How the tokens of a micro-batch are shared out. */
interface Plan {
  readonly batches: readonly SequenceBatch[];
  /** `[tokens]`: where each token stands in the batches, one after another. */
  readonly places: Handle;
}

/** Large enough that the softmax of a masked score is exactly 0. */
const MASKED = -1e9;

export function registerAttention({ ops, pieceBytes }: Tensorflow): void {
  const plans = new Plans(ops, pieceBytes);

  /** `[tokens, heads, headDim]` -> `[sequences, heads, length, headDim]` */
  const gathered = (x: Handle, { tokens, sequences, length }: SequenceBatch): Handle => {
    const [, heads, headDim] = x.shape;
    const rows = ops.reshape(ops.gather(x, tokens), [sequences, length, heads, headDim]);
    return ops.transpose(rows, [0, 2, 1, 3]);
  };
  /** The way back, `[sequences · length, heads, headDim]`. */
  const scattered = (x: Handle): Handle => {
    const [sequences, heads, length, headDim] = x.shape;
    return ops.reshape(ops.transpose(x, [0, 2, 1, 3]), [sequences * length, heads, headDim]);
  };
  /** Heads that share a key-value head, one below the other: keys and values need no repetition. */
  const grouped = (x: Handle, kvHeads: number): Handle => {
    const [sequences, heads, length, columns] = x.shape;
    return ops.reshape(x, [sequences, kvHeads, (heads / kvHeads) * length, columns]);
  };
  /** The softmax of the scores, `[sequences, heads, length, length]`; q comes multiplied by the scale. */
  const weightsOf = (q: Handle, k: Handle, { bias }: SequenceBatch): Handle => {
    const [sequences, heads, length] = q.shape;
    const products = ops.batchMatMul(grouped(q, k.shape[1]), k, false, true);
    const scores = ops.reshape(products, [sequences, heads, length, length]);
    return ops.elements('Softmax', ops.add(scores, bias));
  };

  kernel('Attention', ({ q, k, v }, options) =>
    ops.tensor(() => {
      const { batches, places } = plans.of(options, q.shape[1]);
      const parts = batches.map((batch) =>
        ops.scope(() => {
          const [query, key, value] = [q, k, v].map((info) => gathered(ops.of(info), batch));
          const weights = weightsOf(ops.mul(query, ops.constant(options.scale)), key, batch);
          const mixed = ops.batchMatMul(grouped(weights, key.shape[1]), value);
          return scattered(ops.reshape(mixed, query.shape));
        }),
      );
      return ops.gather(ops.concat(parts, 0), places);
    }),
  );

  gradient('Attention', { inputs: ['q', 'k', 'v'], outputs: [true, true] }, ([dy], saved, options) => {
    const [q, k, v, y] = saved;
    const compute = (batch: SequenceBatch): Handle[] =>
      ops.scope(() => {
        const scale = ops.constant(options.scale);
        const [query, key, value, mixed, given] = [q, k, v, y, dy].map((info) =>
          gathered(ops.of(info), batch),
        );
        const kvHeads = key.shape[1];
        const d = batch.isToken ? ops.mul(given, batch.isToken) : given;
        const scaled = ops.mul(query, scale);
        const weights = weightsOf(scaled, key, batch);
        const [together, dTogether] = [weights, d].map((x) => grouped(x, kvHeads));
        const dValue = ops.batchMatMul(together, dTogether, true, false);
        const dWeights = ops.reshape(ops.batchMatMul(dTogether, value, false, true), weights.shape);
        const sums = ops.reduce('Sum', ops.mul(d, mixed), [3], true);
        const dScores = grouped(ops.mul(weights, ops.sub(dWeights, sums)), kvHeads);
        const dQuery = ops.mul(ops.reshape(ops.batchMatMul(dScores, key), query.shape), scale);
        const dKey = ops.batchMatMul(dScores, grouped(scaled, kvHeads), true, false);
        return [dQuery, dKey, dValue].map(scattered);
      });
    const [byQ, byK, byV] = ops.tensors(() => {
      const { batches, places } = plans.of(options, q.shape[1]);
      const parts = batches.map(compute);
      return [0, 1, 2].map((i) =>
        ops.gather(
          ops.concat(
            parts.map((part) => part[i]),
            0,
          ),
          places,
        ),
      );
    });
    return { q: () => byQ, k: () => byK, v: () => byV };
  });
}

/** Keeps the plan of the micro-batch at hand, which all layers share. */
class Plans {
  #options: AttentionOptions | undefined;
  #plan: Plan | undefined;

  constructor(
    private readonly ops: Ops,
    private readonly pieceBytes: number,
  ) {}

  of(options: AttentionOptions, heads: number): Plan {
    const before = this.#options;
    const isSame = (['offsets', 'prefixes', 'slopes'] as const).every(
      (key) => before?.[key] === options[key],
    );
    if (!this.#plan || !isSame) {
      if (this.#plan) this.#free(this.#plan);
      this.#plan = this.#make(options, heads);
      this.#options = options;
    }
    return this.#plan;
  }

  #free({ batches, places }: Plan): void {
    const arrays = [places, ...batches.flatMap(({ tokens, bias, isToken }) => [tokens, bias, isToken])];
    this.ops.free(arrays.flatMap((array) => (array ? [array.id] : [])));
  }

  #make(options: AttentionOptions, heads: number): Plan {
    const { ops } = this;
    const { offsets } = options;
    const places = new Int32Array(offsets[offsets.length - 1]);
    let at = 0;
    const batches = this.#shareOut(offsets, heads).map((sequences): SequenceBatch => {
      const lengths = sequences.map((s) => offsets[s + 1] - offsets[s]);
      const length = lengths[0];
      const tokens = new Int32Array(sequences.length * length);
      const isToken = new Float32Array(tokens.length).fill(1);
      for (const [i, s] of sequences.entries()) {
        for (let row = 0; row < length; row++) {
          tokens[i * length + row] = Math.min(offsets[s] + row, offsets[s + 1] - 1);
          if (row < lengths[i]) places[offsets[s] + row] = at + i * length + row;
        }
        isToken.fill(0, i * length + lengths[i], (i + 1) * length);
      }
      at += tokens.length;
      const isPadded = lengths.some((own) => own < length);
      const keep = (shape: number[], values: Float32Array) => ops.kept(() => ops.array(shape, F32, values));
      return {
        sequences: sequences.length,
        length,
        tokens: ops.kept(() => ops.integers(tokens)),
        bias: keep(...biasOf(options, sequences, length)),
        isToken: isPadded ? keep([sequences.length, 1, length, 1], isToken) : undefined,
      };
    });
    return { batches, places: ops.kept(() => ops.integers(places)) };
  }

  /** The sequences by falling length: together are those that are at least half as long, as far as their scores fit. */
  #shareOut(offsets: Int32Array, heads: number): number[][] {
    const lengthOf = (s: number) => offsets[s + 1] - offsets[s];
    const order = Array.from({ length: offsets.length - 1 }, (_, s) => s);
    order.sort((a, b) => lengthOf(b) - lengthOf(a));
    const batches: number[][] = [];
    for (const s of order) {
      const last = batches.at(-1);
      const longest = last ? lengthOf(last[0]) : 0;
      const fits = last && (last.length + 1) * heads * longest * longest * 4 <= this.pieceBytes;
      if (fits && 2 * lengthOf(s) >= longest) last.push(s);
      else batches.push([s]);
    }
    return batches;
  }
}

/** The shape and the values of what is added to the scores. Behind its end nothing of a sequence is seen by its tokens. */
function biasOf(
  { prefixes, slopes }: AttentionOptions,
  sequences: readonly number[],
  length: number,
): [shape: number[], values: Float32Array] {
  const masks = (prefixes ? sequences.map((s) => prefixes[s]) : [0]).map((prefix) => {
    const mask = new Float32Array(length * length).fill(MASKED);
    for (let row = 0; row < length; row++) {
      mask.fill(0, row * length, row * length + (row < prefix ? prefix : row + 1));
    }
    return mask;
  });
  const heads = slopes?.length ?? 1;
  const values = new Float32Array(masks.length * heads * length * length);
  let at = 0;
  for (const mask of masks) {
    for (const slope of slopes ?? [0]) {
      for (let i = 0; i < mask.length; i++) {
        const distance = (i % length) - Math.floor(i / length);
        values[at++] = mask[i] + Math.fround(slope * distance);
      }
    }
  }
  return [[masks.length, heads, length, length], values];
}
