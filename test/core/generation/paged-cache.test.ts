import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import {
  BLOCK_TOKENS,
  type CachedSequence,
  CachePass,
  KeyValueCache,
} from '../../../core/generation/paged-cache.js';
import type { Batch, LanguageModel } from '../../../core/index.js';
import { type AttentionOptions, attention } from '../../../core/ops/attention.js';
import { withModel } from '../../support/compose.js';
import { LLAMA } from '../../support/llama-fixture.js';
import { addon, describeNative } from '../../support/native.js';
import { randomTensor, relativeError } from '../../support/numbers.js';
import { labelled } from '../../support/rows.js';

/** Sequences of these lengths. */
function batchOf(lengths: readonly number[]): Batch {
  const offsets = Int32Array.from([0, ...lengths]);
  for (let s = 1; s < offsets.length; s++) offsets[s] += offsets[s - 1];
  const inputIds = Int32Array.from({ length: offsets[lengths.length] }, (_, i) => i);
  const positions = Int32Array.from(lengths.flatMap((length) => Array.from({ length }, (_, i) => i)));
  return { inputIds, labels: inputIds, positions, offsets, targets: 0 };
}

/** Computes nothing: as if a model had gone through the pass. */
function pretend(batch: Batch, sequences: readonly CachedSequence[]): CachePass {
  const pass = new CachePass(batch, sequences);
  for (const layer of [0, 1]) {
    const tokens = pass.batch.inputIds;
    const values = Float32Array.from({ length: 2 * tokens.length }, (_, i) => tokens[i >> 1] + layer / 2);
    pass.layer(layer).append(values, values, 1, 2);
  }
  pass.commit();
  return pass;
}

/** What a sequence holds, by its keys. */
function heldBy(sequence: CachedSequence, layer = 0): number[] {
  const probe = sequence.fork();
  const pass = new CachePass(batchOf([probe.length + 1]), [probe]);
  const { keys } = pass.layer(layer).read(0, sequence.length, 1, 2);
  probe.free();
  return Array.from({ length: sequence.length }, (_, i) => keys[2 * i] - layer / 2);
}

const upTo = (end: number, start = 0) => Array.from({ length: end - start }, (_, i) => start + i);

describe('KeyValueCache', () => {
  it('leaves to a pass the tokens that are not cached', () => {
    const cache = new KeyValueCache();
    const sequences = [cache.begin(), cache.begin()];
    pretend(batchOf([3, 5]), sequences);
    expect(sequences.map(({ length }) => length)).to.deep.equal([3, 5]);
    const { batch, pasts } = pretend(batchOf([5, 6]), sequences);
    expect([...pasts]).to.deep.equal([3, 5]);
    expect([...batch.inputIds]).to.deep.equal([3, 4, 10]);
    expect([...batch.positions]).to.deep.equal([3, 4, 5]);
    expect([...batch.offsets]).to.deep.equal([0, 2, 3]);
  });

  it('keeps what it is given over many blocks, in each layer', () => {
    const sequence = new KeyValueCache().begin();
    for (const length of [1, 31, 32, 33, 64, 200, 2000]) pretend(batchOf([length]), [sequence]);
    expect(heldBy(sequence)).to.deep.equal(upTo(2000));
    expect(heldBy(sequence, 1)).to.deep.equal(upTo(2000));
  });

  it('shares blocks with a fork, of which neither sees what the other writes', () => {
    const cache = new KeyValueCache();
    const first = cache.begin();
    pretend(batchOf([BLOCK_TOKENS + 5]), [first]);
    const second = first.fork();
    expect(cache.blocksInUse).to.equal(2);
    pretend(batchOf([BLOCK_TOKENS + 6]), [first]);
    expect(cache.blocksInUse, 'the one that was not full is copied').to.equal(3);
    expect(second.length).to.equal(BLOCK_TOKENS + 5);
    const shifted = batchOf([BLOCK_TOKENS + 7]);
    shifted.inputIds.fill(900, BLOCK_TOKENS + 5);
    pretend(shifted, [second]);
    expect(cache.blocksInUse, 'its last holder needs no copy').to.equal(3);
    expect(heldBy(first)).to.deep.equal(upTo(BLOCK_TOKENS + 6));
    expect(heldBy(second)).to.deep.equal([...upTo(BLOCK_TOKENS + 5), 900, 900]);
  });

  it('gives the memory of freed sequences to others', () => {
    const cache = new KeyValueCache();
    for (let i = 0; i < 50; i++) {
      const sequence = cache.begin();
      pretend(batchOf([100]), [sequence]);
      const fork = sequence.fork();
      sequence.free();
      sequence.free();
      expect(heldBy(fork)).to.deep.equal(upTo(100));
      fork.free();
      expect(cache.blocksInUse).to.equal(0);
    }
    const last = cache.begin();
    pretend(batchOf([1]), [last]);
    expect(Math.max(...last.blocks)).to.be.below(6);
    last.free();
    expect(() => pretend(batchOf([2]), [last])).to.throw('freed');
  });

  it('refuses a pass without new tokens', () => {
    const cache = new KeyValueCache();
    const sequence = cache.begin();
    pretend(batchOf([3]), [sequence]);
    expect(() => new CachePass(batchOf([3]), [sequence])).to.throw(RangeError, 'cached already');
    expect(() => new CachePass(batchOf([3, 4]), [sequence])).to.throw(RangeError, '1 cached sequences');
  });

  it('holds nothing of a pass whose backbone does not hand it on, so that all tokens are computed again', () => {
    const cache = new KeyValueCache();
    const sequence = cache.begin();
    new CachePass(batchOf([4]), [sequence]).commit();
    expect(sequence.length).to.equal(0);
    expect([...new CachePass(batchOf([5]), [sequence]).batch.offsets]).to.deep.equal([0, 5]);
    sequence.free();
  });
});

interface Sizes {
  readonly lengths: readonly number[];
  readonly heads: number;
  readonly kvHeads: number;
  readonly dim: number;
  readonly prefixes?: readonly number[];
  readonly slopes?: readonly number[];
}

const CASES: Sizes[] = [
  { lengths: [70], heads: 1, kvHeads: 1, dim: 2 },
  { lengths: [33, 90, 64], heads: 6, kvHeads: 2, dim: 16 },
  { lengths: [40, 75], heads: 4, kvHeads: 4, dim: 20, slopes: [1, 0.5, 0.01, 0] },
  { lengths: [40, 75], heads: 3, kvHeads: 1, dim: 64, prefixes: [20, 7] },
  { lengths: [50, 36], heads: 2, kvHeads: 1, dim: 80, prefixes: [33, 0], slopes: [0.7, -0.03] },
];

/** The sequences in several passes, against all at once: the first pass has the prefix and more. */
function errorOfCaching({ lengths, heads, kvHeads, dim, prefixes, slopes }: Sizes): number {
  return tf.tidy(() => {
    const whole = batchOf(lengths);
    const tokens = whole.inputIds.length;
    const q = randomTensor<tf.Rank.R3>([tokens, heads, dim], 1);
    const k = randomTensor<tf.Rank.R3>([tokens, kvHeads, dim], 2);
    const v = randomTensor<tf.Rank.R3>([tokens, kvHeads, dim], 3);
    const options: AttentionOptions = {
      scale: 3 / Math.sqrt(dim),
      offsets: whole.offsets,
      ...(prefixes && { prefixes: Int32Array.from(prefixes) }),
      ...(slopes && { slopes: Float32Array.from(slopes) }),
    };
    const expected = attention(q, k, v, options);

    const cache = new KeyValueCache();
    const sequences = lengths.map(() => cache.begin());
    let worst = 0;
    // Prompts; then several tokens, one token, one token in one sequence and many in another.
    for (const left of [
      lengths.map((_, s) => 9 + s),
      lengths.map(() => 4),
      lengths.map(() => 3),
      lengths.map(() => 0),
    ]) {
      const batch = batchOf(lengths.map((length, s) => length - left[s]));
      // A token is known by its number in the whole.
      const ids = lengths.flatMap((length, s) => upTo(whole.offsets[s] + length - left[s], whole.offsets[s]));
      const pass = new CachePass({ ...batch, inputIds: Int32Array.from(ids) }, sequences);
      const select = (x: tf.Tensor3D) => tf.gather(x, tf.tensor1d(pass.batch.inputIds, 'int32'));
      const actual = attention(select(q), select(k), select(v), {
        ...options,
        offsets: pass.batch.offsets,
        cache: pass.layer(0),
      });
      pass.commit();
      const wanted = select(expected).dataSync() as Float32Array;
      worst = Math.max(worst, relativeError(actual.dataSync() as Float32Array, wanted));
    }
    return worst;
  });
}

describe('attention with a cache', () => {
  for (const sizes of CASES) {
    it(`is attention to the whole: ${JSON.stringify(sizes)}`, () => {
      expect(errorOfCaching(sizes)).to.be.below(2e-6);
    });
  }

  it('refuses options of another batch', () => {
    const pass = new CachePass(batchOf([3]), [new KeyValueCache().begin()]);
    const x = tf.zeros<tf.Rank.R3>([3, 1, 2]);
    const options = { scale: 1, offsets: Int32Array.of(0, 1, 3), cache: pass.layer(0) };
    expect(() => attention(x, x, x, options)).to.throw(RangeError, 'not those of the cache');
    x.dispose();
  });

  describeNative('on the native device', () => {
    for (const sizes of CASES) {
      it(`is attention to the whole: ${JSON.stringify(sizes)}`, async () => {
        await tf.setBackend('native');
        for (const isa of addon.isas()) {
          for (const threads of [1, 3]) {
            addon.open(isa, threads);
            expect(errorOfCaching(sizes), `${isa}, ${threads} threads`).to.be.below(5e-6);
          }
        }
      });
    }
  });
});

/** Logits of a text that grows, with a cache and without. */
async function expectSameLogits(model: LanguageModel, tolerance: number): Promise<void> {
  const ids = Int32Array.from({ length: 75 }, (_, i) => 3 + ((i * 37) % 300));
  const cache = new KeyValueCache();
  const sequence = cache.begin();
  for (const length of [1, 30, 31, 32, 33, 34, 70, 71, 75]) {
    const batch = model.collate([labelled(ids.subarray(0, length))]);
    const [whole, cached] = [undefined, [sequence]].map((sequences) =>
      tf.tidy(() => model.nextLogits(batch, sequences).dataSync().slice()),
    ) as Float32Array[];
    expect(relativeError(cached, whole), `${length} tokens`).to.be.at.most(tolerance);
  }
}

describe('a model with a cache', () => {
  for (const backend of ['wasm', 'cpu']) {
    it(`yields the logits that it yields without, on ${backend}`, () =>
      withModel({ model: LLAMA, device: { name: 'portable', backend } }, (model) =>
        expectSameLogits(model, 1e-5),
      ));
  }

  describeNative('on the native device', () => {
    for (const [quantizer, tolerance] of [
      [{ name: 'none' }, 1e-5],
      [{ name: 'int8', compute: 'fp32' }, 1e-5],
      [{ name: 'nf4', compute: 'fp32' }, 1e-5],
      [{ name: 'int8', compute: 'int8' }, 0.1],
    ] as const) {
      it(`yields the logits that it yields without, ${JSON.stringify(quantizer)}`, () =>
        withModel({ model: LLAMA, quantizer, device: 'native' }, (model) =>
          expectSameLogits(model, tolerance),
        ));
    }
  });
});
