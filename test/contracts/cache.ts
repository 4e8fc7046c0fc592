/**
 * What every key-value cache must do, a device's own included:
 *
 *     describeCache('PagedCache', () => new PagedCache());
 */

import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import {
  type AttentionOptions,
  attention,
  attentionLayout,
  type Batch,
  type CachedSequence,
  GENERATE_DEFAULTS,
  generateAll,
  IGNORED,
  type KeyValueCache,
} from '../../core/index.js';
import { withModel } from '../support/compose.js';
import { LLAMA } from '../support/llama-fixture.js';
import { randomTensor, relativeError } from '../support/numbers.js';

/** These texts, token by token. */
function batchOfTexts(texts: readonly (readonly number[])[]): Batch {
  const offsets = new Int32Array(texts.length + 1);
  for (const [s, { length }] of texts.entries()) offsets[s + 1] = offsets[s] + length;
  const inputIds = Int32Array.from(texts.flat());
  const positions = Int32Array.from(texts.flatMap((text) => [...text.keys()]));
  return { inputIds, labels: inputIds, positions, offsets, targets: inputIds.length };
}

/** Sequences of these lengths; all tokens are numbered, from 0. */
export function batchOf(lengths: readonly number[]): Batch {
  let next = 0;
  return batchOfTexts(lengths.map((length) => Array.from({ length }, () => next++)));
}

export interface AttentionSizes {
  readonly lengths: readonly number[];
  readonly heads: number;
  readonly kvHeads: number;
  readonly dim: number;
  readonly prefixes?: readonly number[];
  readonly slopes?: readonly number[];
}

export const ATTENTION_CASES: AttentionSizes[] = [
  { lengths: [70], heads: 1, kvHeads: 1, dim: 2 },
  { lengths: [33, 90, 64], heads: 6, kvHeads: 2, dim: 16 },
  { lengths: [40, 75], heads: 4, kvHeads: 4, dim: 20, slopes: [1, 0.5, 0.01, 0] },
  { lengths: [40, 75], heads: 3, kvHeads: 1, dim: 64, prefixes: [20, 7] },
  { lengths: [50, 36], heads: 2, kvHeads: 1, dim: 80, prefixes: [33, 0], slopes: [0.7, -0.03] },
];

/** Attention to sequences in several passes, against all at once: the first pass has the prefix and more. */
export function errorOfCaching(
  cache: KeyValueCache,
  { lengths, heads, kvHeads, dim, prefixes, slopes }: AttentionSizes,
): number {
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
      const pass = cache.pass({ ...batch, inputIds: Int32Array.from(ids) }, sequences);
      const select = (x: tf.Tensor3D) => tf.gather(x, tf.tensor1d(pass.batch.inputIds, 'int32'));
      const layout = attentionLayout({ ...options, offsets: pass.batch.offsets }, pass);
      const actual = attention(select(q), select(k), select(v), {
        ...options,
        ...layout,
        cache: pass.layer(0),
      });
      pass.commit();
      const wanted = select(expected).dataSync() as Float32Array;
      worst = Math.max(worst, relativeError(actual.dataSync() as Float32Array, wanted));
    }
    for (const sequence of sequences) sequence.free();
    return worst;
  });
}

export function upTo(end: number, start = 0): number[] {
  return Array.from({ length: end - start }, (_, i) => start + i);
}

const KV_HEADS = 2;
const HEAD_DIM = 3;
const WIDTH = KV_HEADS * HEAD_DIM;

/** What the tests give a layer as a token's keys; the values are these with the other sign. */
const numbersOf = (ids: Iterable<number>, layer: number) =>
  [...ids].flatMap((id) => Array.from({ length: WIDTH }, (_, i) => 100 * id + 10 * layer + i));

/** A pass of two layers over these texts, of which each layer must yield all tokens, old and new. */
function pass(sequences: readonly CachedSequence[], ...texts: readonly number[][]) {
  const { cache } = sequences[0];
  const made = cache.pass(batchOfTexts(texts), sequences);
  const { inputIds } = made.batch;
  const lists = tf.tidy(() =>
    [0, 1].map((layer) => {
      const k = tf.tensor3d(numbersOf(inputIds, layer), [inputIds.length, KV_HEADS, HEAD_DIM]);
      return made
        .layer(layer)
        .extend(k, tf.neg(k))
        .map((pair) => pair.map((x) => ({ shape: x.shape, numbers: [...x.dataSync()] })));
    }),
  );
  for (const [layer, ofSequences] of lists.entries()) {
    for (const [s, [keys, values]] of ofSequences.entries()) {
      const numbers = numbersOf(texts[s], layer);
      const shape = [texts[s].length, KV_HEADS, HEAD_DIM];
      expect(keys, `keys of sequence ${s} in layer ${layer}`).to.deep.equal({ shape, numbers });
      const negated = numbers.map((number) => -number);
      expect(values, `values of sequence ${s} in layer ${layer}`).to.deep.equal({ shape, numbers: negated });
    }
  }
  return made;
}

/** The contract. */
/** @param isOfDevice it works on its own device alone, where the device's contract decodes answers with it */
export function describeCache(name: string, makeCache: () => KeyValueCache, isOfDevice = false): void {
  describe(`the key-value cache ${name}`, () => {
    let cache: KeyValueCache;
    let sequences: CachedSequence[];
    beforeEach(() => {
      cache = makeCache();
      sequences = [cache.begin(), cache.begin()];
    });
    // With all sequences freed no tensor is left: the root hook looks.
    afterEach(() => {
      for (const sequence of sequences) sequence.free();
    });
    const lengths = () => sequences.map(({ length }) => length);

    it('leaves to a pass the tokens that are not cached', () => {
      pass(sequences, [1, 2, 3], [4, 5, 6, 7, 8]).commit();
      expect(lengths()).to.deep.equal([3, 5]);
      const whole = {
        ...batchOfTexts([
          [1, 2, 3, 9, 10],
          [4, 5, 6, 7, 8, 11],
        ]),
        labels: Int32Array.of(1, 2, 3, IGNORED, 10, 4, 5, 6, 7, 8, 11),
      };
      const next = cache.pass(whole, sequences);
      expect(next.whole).to.equal(whole);
      expect([...next.pasts]).to.deep.equal([3, 5]);
      expect([...next.batch.inputIds]).to.deep.equal([9, 10, 11]);
      expect([...next.batch.labels]).to.deep.equal([IGNORED, 10, 11]);
      expect([...next.batch.positions]).to.deep.equal([3, 4, 5]);
      expect([...next.batch.offsets]).to.deep.equal([0, 2, 3]);
      expect(next.batch.targets).to.equal(2);
      expect([...next.pick(Int32Array.from(upTo(11)))]).to.deep.equal([3, 4, 10]);
      const layer = next.layer(0);
      expect([...layer.pasts]).to.deep.equal([3, 5]);
      expect([...layer.offsets]).to.deep.equal([0, 2, 3]);
    });

    it('yields in each layer what it was given in all passes', () => {
      for (const length of [1, 31, 32, 33, 64, 200]) {
        pass(sequences, upTo(length), upTo(length + 7, 3)).commit();
        expect(lengths()).to.deep.equal([length, length + 4]);
      }
    });

    it('computes sequences in passes of their own, and together again', () => {
      pass([sequences[0]], [1, 2]).commit();
      pass([sequences[1]], [3]).commit();
      pass([sequences[1], sequences[0]], [3, 4], [1, 2, 5]).commit();
      expect(lengths()).to.deep.equal([3, 2]);
    });

    it('shares with a fork what was cached, and nothing that either caches later', () => {
      for (const start of [5, 32, 37]) {
        const first = cache.begin();
        pass([first], upTo(start)).commit();
        const second = first.fork();
        const third = second.fork();
        expect(second.length).to.equal(start);
        pass([first], [...upTo(start), 900]).commit();
        pass([second, third], [...upTo(start), 901, 902], [...upTo(start), 903]).commit();
        first.free();
        pass([third, second], [...upTo(start), 903, 904], [...upTo(start), 901, 902, 905]).commit();
        sequences.push(second, third);
      }
    });

    it('gives memory back once, however often a sequence is freed', () => {
      pass(sequences, [1, 2], [3]).commit();
      const fork = sequences[0].fork();
      sequences[0].free();
      sequences[0].free();
      pass([fork, sequences[1]], [1, 2, 4], [3, 5]).commit();
      fork.free();
      pass([sequences[1]], [3, 5, 6]).commit();
    });

    it('takes nothing of a pass that is not committed, and goes on from what it had', () => {
      pass(sequences, [1, 2], [3]).commit();
      pass(sequences, [1, 2, ...upTo(80)], [3, 4]);
      expect(lengths()).to.deep.equal([2, 1]);
      const fork = sequences[0].fork();
      sequences.push(fork);
      pass(sequences, [1, 2, ...upTo(50, 5)], [3, 6], [1, 2, ...upTo(60, 10)]).commit();
      pass(sequences, [1, 2, ...upTo(51, 5)], [3, 6, 7], [1, 2, ...upTo(61, 10)]).commit();
    });

    it('holds nothing of a pass whose backbone does not hand it on, so that all tokens are computed again', () => {
      cache.pass(batchOf([4, 2]), sequences).commit();
      expect(lengths()).to.deep.equal([0, 0]);
      expect([...cache.pass(batchOf([5, 3]), sequences).batch.offsets]).to.deep.equal([0, 5, 8]);
    });

    it('refuses a pass without new tokens, with other sequences than the batch has, or of another cache', () => {
      pass(sequences, [1, 2], [3]).commit();
      expect(() => cache.pass(batchOf([3, 1]), sequences)).to.throw(RangeError, 'cached already');
      expect(() => cache.pass(batchOf([3, 4, 5]), sequences)).to.throw(RangeError, '2 cached sequences');
      const stranger = makeCache().begin();
      expect(() => cache.pass(batchOf([3, 4]), [sequences[0], stranger])).to.throw(
        RangeError,
        'another cache',
      );
    });

    it('refuses to fork or to compute what has been freed', () => {
      sequences[1].free();
      expect(() => sequences[1].fork()).to.throw('freed');
      expect(() => cache.pass(batchOf([2, 2]), sequences)).to.throw('freed');
    });

    for (const sizes of ATTENTION_CASES) {
      it(`has attention see the whole: ${JSON.stringify(sizes)}`, () => {
        expect(errorOfCaching(cache, sizes)).to.be.below(2e-6);
      });
    }

    if (isOfDevice) return;
    it("is what a model's answers are decoded with, where it is the device's", () =>
      withModel({ model: LLAMA }, async (model, { assembler, encoder }) => {
        let made = 0;
        const makeOwn = () => {
          made++;
          return makeCache();
        };
        const prompts = ['Name a color.', 'Is the sky green?', 'Say why.'].map((instruction) => ({
          instruction,
          input: '',
        }));
        const options = { ...GENERATE_DEFAULTS, maxNewTokens: 40, numBeams: 2, noRepeatNgramSize: 3 };
        const device = await assembler.openDevice();
        const answersWith = async (makeCache: (() => KeyValueCache) | undefined) => {
          const texts: string[] = [];
          const take = ({ text }: { text: string }) => texts.push(text);
          await generateAll(model, encoder, prompts, options, take, { device: { ...device, makeCache } });
          return texts;
        };
        const expected = await answersWith(undefined);
        expect(await answersWith(makeOwn)).to.deep.equal(expected);
        expect(made).to.equal(1);
        expect(new Set(expected)).to.have.lengthOf(3);
      }));
  });
}
