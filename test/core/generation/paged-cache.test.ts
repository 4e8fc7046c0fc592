import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { PagedCache, type PagedPass, type PagedSequence } from '../../../core/generation/paged-cache.js';
import { BLOCK_TOKENS, type PagedLayer } from '../../../core/generation/paged-layer.js';
import type { Batch, LanguageModel } from '../../../core/index.js';
import { attention } from '../../../core/ops/attention.js';
import { ATTENTION_CASES, batchOf, errorOfCaching, upTo } from '../../contracts/cache.js';
import { withModel } from '../../support/compose.js';
import { LLAMA } from '../../support/llama-fixture.js';
import { addon, describeNative } from '../../support/native.js';
import { relativeError } from '../../support/numbers.js';
import { labelled } from '../../support/rows.js';

/** A layer in the memory of the machine, as there is one where a cache is not told otherwise. */
const layerOf = (pass: PagedPass, index: number) => pass.layer(index) as PagedLayer;

/** Computes nothing: as if a model had gone through the pass. */
function pretend(batch: Batch, sequences: readonly PagedSequence[]): PagedPass {
  const pass = sequences[0].cache.pass(batch, sequences);
  for (const layer of [0, 1]) {
    const tokens = pass.batch.inputIds;
    const values = Float32Array.from({ length: 2 * tokens.length }, (_, i) => tokens[i >> 1] + layer / 2);
    layerOf(pass, layer).append(values, values, 1, 2);
  }
  pass.commit();
  return pass;
}

/** What a sequence holds, by its keys. */
function heldBy(sequence: PagedSequence, layer = 0): number[] {
  const probe = sequence.fork();
  const pass = sequence.cache.pass(batchOf([probe.length + 1]), [probe]);
  const { keys } = layerOf(pass, layer).read(0, sequence.length, 1, 2);
  probe.free();
  return Array.from({ length: sequence.length }, (_, i) => keys[2 * i] - layer / 2);
}

describe('PagedCache', () => {
  it('keeps what it is given over many blocks, in each layer', () => {
    const sequence = new PagedCache().begin();
    for (const length of [1, 31, 32, 33, 64, 200, 2000]) pretend(batchOf([length]), [sequence]);
    expect(heldBy(sequence)).to.deep.equal(upTo(2000));
    expect(heldBy(sequence, 1)).to.deep.equal(upTo(2000));
  });

  it('shares blocks with a fork, of which neither sees what the other writes', () => {
    const cache = new PagedCache();
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
    const cache = new PagedCache();
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
});

describe('attention with a cache', () => {
  it('refuses options of another batch', () => {
    const cache = new PagedCache();
    const pass = cache.pass(batchOf([3]), [cache.begin()]);
    const x = tf.zeros<tf.Rank.R3>([3, 1, 2]);
    const options = { scale: 1, offsets: Int32Array.of(0, 1, 3), cache: pass.layer(0) };
    expect(() => attention(x, x, x, options)).to.throw(RangeError, 'not those of the cache');
    x.dispose();
  });

  describeNative('on the native device', () => {
    for (const sizes of ATTENTION_CASES) {
      it(`is attention to the whole: ${JSON.stringify(sizes)}`, async () => {
        await tf.setBackend('native');
        for (const isa of addon.isas()) {
          for (const threads of [1, 3]) {
            addon.open(isa, threads);
            expect(errorOfCaching(new PagedCache(), sizes), `${isa}, ${threads} threads`).to.be.below(5e-6);
          }
        }
      });
    }
  });
});

/** Logits of a text that grows, with a cache and without. */
async function expectSameLogits(model: LanguageModel, tolerance: number): Promise<void> {
  const ids = Int32Array.from({ length: 75 }, (_, i) => 3 + ((i * 37) % 300));
  const cache = new PagedCache();
  const sequence = cache.begin();
  for (const length of [1, 30, 31, 32, 33, 34, 70, 71, 75]) {
    const batch = model.collate([labelled(ids.subarray(0, length))]);
    const pass = cache.pass(batch, [sequence]);
    const [whole, cached] = [() => model.nextLogits(batch), () => model.nextLogits(pass.batch, pass)].map(
      (logits) => tf.tidy(() => logits().dataSync().slice()) as Float32Array,
    );
    pass.commit();
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
