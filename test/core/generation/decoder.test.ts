import { setTimeout, setImmediate as turn } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { EvolveError } from '../../../core/base/errors.js';
import { BeamSearch } from '../../../core/generation/beams.js';
import { Decoder, decode } from '../../../core/generation/decoder.js';
import { GENERATE_DEFAULTS, type GenerateOptions } from '../../../core/generation/options.js';
import { PagedCache } from '../../../core/generation/paged-cache.js';
import { type Answer, type Search, TokenSearch } from '../../../core/generation/search.js';
import type { Batch, CachePass, Encoder, LanguageModel } from '../../../core/index.js';
import { concatenate } from '../../../plugins/backbones/kit/causal-model.js';
import { withModel } from '../../support/compose.js';
import { expectError } from '../../support/errors.js';
import { fixture } from '../../support/files.js';
import { LLAMA } from '../../support/llama-fixture.js';

/** Beams that part and join often; those of the Alpaca-CoT project are drawn. */
const BEAMS: Partial<GenerateOptions>[] = [
  { numBeams: 3, noRepeatNgramSize: 3 },
  { numBeams: 4, repetitionPenalty: 1.8, noRepeatNgramSize: 6, temperature: 1, topK: 40, topP: 0.9 },
];

/** A search of `tokens` tokens that nothing ends before. */
function searchOf(
  prompt: readonly number[],
  tokens: number,
  given: Partial<GenerateOptions> = {},
): TokenSearch | BeamSearch {
  const stopIds = new Set<number>();
  const limit = prompt.length + tokens;
  const all = { ...GENERATE_DEFAULTS, name: 'the prompt', stopIds, limit, ...given };
  return all.numBeams > 1 ? new BeamSearch(prompt, all) : new TokenSearch(prompt, all);
}

async function beamAnswers(model: LanguageModel, encoder: Encoder): Promise<(readonly number[])[]> {
  const searches = ['Name a color.', 'Is the sky green?'].flatMap((instruction) => {
    const prompt = encoder.encodePrompt({ instruction, input: '' });
    return BEAMS.map((given) => searchOf(prompt, 40, given));
  });
  await decode(model, searches);
  return searches.map(({ answer }) => answer.ids);
}

describe('decode', () => {
  for (const name of ['llama', 'bloom', 'chatglm', 'chatglm2']) {
    it(`follows with a cache the beams that it follows without, of ${name}`, () =>
      withModel({ model: { path: fixture(name) } }, async (model, { encoder }) => {
        const cached = await beamAnswers(model, encoder);
        const nextLogits = model.nextLogits.bind(model);
        model.nextLogits = (batch) => nextLogits(batch);
        expect(await beamAnswers(model, encoder)).to.deep.equal(cached);
        expect(cached.every(({ length }) => length === 40)).to.equal(true);
      }));
  }

  it('stops all where one fails, and says why', async () => {
    const { model, passes } = summingModel();
    const searches = [searchOf([1, 2], 500), failingSearch(searchOf([3], 500), 4)];
    let error: unknown;
    await decode(model, searches).catch((thrown) => {
      error = thrown;
    });
    expect(error).to.equal(FAULT);
    expect(passes).to.have.lengthOf.below(12);
  });
});

const VOCABULARY = 97;

interface SummingModel {
  readonly model: LanguageModel;
  /** The number of texts, and of tokens that were computed, of every pass. */
  readonly passes: { readonly texts: number; readonly tokens: number }[];
}

/** What follows a text is a matter of all its tokens, those that are cached included. A pass takes so many milliseconds. */
function summingModel(milliseconds = 0): SummingModel {
  const passes: SummingModel['passes'] = [];
  const nextLogits = ({ inputIds, offsets }: Batch, cache?: CachePass): tf.Tensor2D => {
    const end = performance.now() + milliseconds;
    while (performance.now() < end);
    passes.push({ texts: offsets.length - 1, tokens: inputIds.length });
    const ids = tf.tensor3d(Float32Array.from(inputIds), [inputIds.length, 1, 1]);
    const texts = (cache as CachePass).layer(0).extend(ids, ids);
    const next = texts.map(([keys]) => {
      const numbers = [...keys.dataSync()];
      return numbers.reduce((sum, id, i) => sum + (i + 1) * id, 7) % VOCABULARY;
    });
    return tf.oneHot(tf.tensor1d(next, 'int32'), VOCABULARY).toFloat() as tf.Tensor2D;
  };
  const maxLength = 512;
  return { model: { collate: concatenate, nextLogits, maxLength } as unknown as LanguageModel, passes };
}

const FAULT = new EvolveError('NOT_FINITE', 'no token can be chosen');

/** The same search, which fails in its pass number `pass`. */
function failingSearch(search: Search, pass: number): Search {
  let left = pass;
  return {
    width: search.width,
    limit: search.limit,
    get hypotheses() {
      return search.hypotheses;
    },
    get answer() {
      return search.answer;
    },
    advance: (scores) => {
      if (--left === 0) throw FAULT;
      search.advance(scores);
    },
  };
}

/** What a search that is alone answers. */
function aloneAnswer(
  prompt: readonly number[],
  tokens: number,
  given?: Partial<GenerateOptions>,
): Promise<Answer> {
  return new Decoder(summingModel().model).submit(searchOf(prompt, tokens, given));
}

describe('Decoder', () => {
  let model: LanguageModel;
  let passes: SummingModel['passes'];
  let cache: PagedCache;
  let decoder: Decoder;

  beforeEach(() => {
    ({ model, passes } = summingModel());
    cache = new PagedCache();
    decoder = new Decoder(model, { makeCache: () => cache });
  });
  // Nothing is left of any request, however it ended; the root hook looks for tensors.
  afterEach(() => {
    expect(cache.blocksInUse, 'blocks that are in use').to.equal(0);
  });

  it('takes requests while it runs, and again when all are done; each is answered as if it were alone', async () => {
    const later: Promise<Answer>[] = [];
    const first = searchOf([1, 2, 3], 60);
    let steps = 0;
    const submitLater = () => {
      if (++steps === 10) later.push(decoder.submit(searchOf([4, 5], 20, { numBeams: 3 })));
      if (steps === 15) later.push(decoder.submit(searchOf([6], 90)));
    };
    const answer = await decoder.submit(first, { onAdvance: submitLater });
    expect(answer).to.deep.equal(await aloneAnswer([1, 2, 3], 60));
    expect(await later[0]).to.deep.equal(await aloneAnswer([4, 5], 20, { numBeams: 3 }));
    expect(Math.max(...passes.map(({ texts }) => texts)), 'texts side by side').to.equal(5);
    expect(await later[1]).to.deep.equal(await aloneAnswer([6], 90));
    await setTimeout(5);
    expect(await decoder.submit(searchOf([7], 5))).to.deep.equal(await aloneAnswer([7], 5));
  });

  it('computes every token once, a prompt in a pass of its own, and no more than 32 texts in one', async () => {
    const prompts = Array.from({ length: 70 }, (_, i) =>
      Array.from({ length: 3 + (i % 4) }, (_, j) => i + j),
    );
    const answers = await Promise.all(prompts.map((prompt) => decoder.submit(searchOf(prompt, 10))));
    for (const [i, prompt] of prompts.entries()) {
      expect(answers[i]).to.deep.equal(await aloneAnswer(prompt, 10));
    }
    expect(passes.filter(({ tokens, texts }) => tokens > texts)).to.deep.equal(
      prompts.map(({ length }) => ({ texts: 1, tokens: length })),
    );
    expect(Math.max(...passes.map(({ texts }) => texts))).to.equal(32);
  });

  it('answers a search that has nothing left to do', async () => {
    const search = searchOf([1], 3);
    const answer = await decoder.submit(search);
    const before = passes.length;
    expect(await decoder.submit(search)).to.deep.equal(answer);
    expect(passes).to.have.lengthOf(before);
  });

  it('lets the event loop turn between passes', async () => {
    const slow = summingModel(3);
    const answer = new Decoder(slow.model).submit(searchOf([1], 100));
    await setTimeout(0);
    expect(slow.passes.length, 'passes before the timer').to.be.below(50);
    await answer;
  });

  it('lets the event loop turn after each pass of a real model', async () => {
    const slow = summingModel(3);
    let turns = 0;
    let isOver = false;
    const count = async () => {
      for (; !isOver; turns++) await turn();
    };
    const counted = count();
    await new Decoder(slow.model).submit(searchOf([1], 20));
    isOver = true;
    await counted;
    expect(turns).to.be.at.least(20);
  });

  it('heeds in the next pass what a callback of the event loop submits or aborts', async () => {
    const slow = summingModel(3);
    const slowDecoder = new Decoder(slow.model);
    const stop = new AbortController();
    const passed = async (count: number) => {
      const until = slow.passes.length + count;
      while (slow.passes.length < until) await turn();
    };
    const aborted = slowDecoder.submit(searchOf([1], 100), { signal: stop.signal });
    const rejected = aborted.catch((error: EvolveError) => error.code);
    await passed(3);
    const before = slow.passes.length;
    const other = slowDecoder.submit(searchOf([2, 3, 4, 5, 6], 10));
    await passed(3);
    expect(slow.passes[before]).to.deep.equal({ texts: 1, tokens: 5 });
    expect(Math.max(...slow.passes.map(({ texts }) => texts))).to.equal(2);
    stop.abort();
    const until = slow.passes.length;
    expect(await rejected).to.equal('INTERRUPTED');
    await other;
    expect(slow.passes.slice(until).every(({ texts }) => texts === 1)).to.equal(true);
  });

  it('computes nothing for a request whose signal has aborted, and leaves the others', async () => {
    const answer = decoder.submit(searchOf([1, 2], 10));
    const aborted = decoder.submit(searchOf([3], 10), { signal: AbortSignal.abort() });
    await expectError(() => aborted, 'INTERRUPTED', 'interrupted before the answer was finished');
    expect(await answer).to.deep.equal(await aloneAnswer([1, 2], 10));
    expect(Math.max(...passes.map(({ texts }) => texts))).to.equal(1);
  });

  it('drops a request that waits for its turn when its signal aborts', async () => {
    const stop = new AbortController();
    const reason = new Error('gone');
    const onAdvance = () => stop.abort(reason);
    const answers = Array.from({ length: 32 }, (_, i) => decoder.submit(searchOf([i], 30), { onAdvance }));
    let hasBegun = false;
    const waiting = decoder.submit(searchOf([50], 30), {
      signal: stop.signal,
      onAdvance: () => {
        hasBegun = true;
      },
    });
    const others = Promise.all(answers).then(() => 'others');
    const first = await Promise.race([others, waiting.catch((error: EvolveError) => error)]);
    expect(first).to.be.instanceOf(EvolveError).and.to.include({ code: 'INTERRUPTED', cause: reason });
    expect(hasBegun).to.equal(false);
    await others;
  });

  it('stops a request in the midst when its signal aborts; the others go on', async () => {
    const stop = new AbortController();
    let steps = 0;
    const aborted = decoder.submit(searchOf([1], 100, { numBeams: 2 }), {
      signal: stop.signal,
      onAdvance: () => {
        if (++steps === 20) stop.abort();
      },
    });
    const others = [[2], [3, 4]].map((prompt) => decoder.submit(searchOf(prompt, 40)));
    await expectError(() => aborted, 'INTERRUPTED');
    expect(steps).to.equal(20);
    expect(await others[0]).to.deep.equal(await aloneAnswer([2], 40));
    expect(await others[1]).to.deep.equal(await aloneAnswer([3, 4], 40));
  });

  it('tells a search nothing more when its signal aborts during a pass', async () => {
    const stop = new AbortController();
    const nextLogits = model.nextLogits.bind(model);
    model.nextLogits = (batch, pass) => {
      if (passes.length === 5) stop.abort();
      return nextLogits(batch, pass);
    };
    let steps = 0;
    const onAdvance = () => {
      steps++;
    };
    const aborted = decoder.submit(searchOf([1], 100), { signal: stop.signal, onAdvance });
    await expectError(() => aborted, 'INTERRUPTED');
    expect(steps).to.equal(5);
  });

  it('rejects a request whose search fails, or whose listener does; the others go on', async () => {
    for (const pass of [1, 7]) {
      const failing = decoder.submit(failingSearch(searchOf([1], 30, { numBeams: 2 }), pass));
      const other = decoder.submit(searchOf([2], 30));
      let left = pass;
      const listener = decoder.submit(searchOf([3], 30), {
        onAdvance: () => {
          if (--left === 0) throw FAULT;
        },
      });
      for (const rejected of [failing, listener]) await expectError(() => rejected, 'NOT_FINITE');
      expect(await other).to.deep.equal(await aloneAnswer([2], 30));
    }
  });

  it('rejects all that are in a pass that fails, and goes on with those that are not', async () => {
    const nextLogits = model.nextLogits.bind(model);
    model.nextLogits = (batch, pass) => {
      if (passes.length === 40) {
        passes.pop();
        model.nextLogits = nextLogits;
        throw FAULT;
      }
      return nextLogits(batch, pass);
    };
    const inPass = Array.from({ length: 32 }, (_, i) => decoder.submit(searchOf([i], 30)));
    const waiting = decoder.submit(searchOf([40], 30));
    const states = await Promise.allSettled(inPass);
    expect(states.every((state) => state.status === 'rejected' && state.reason === FAULT)).to.equal(true);
    expect(await waiting).to.deep.equal(await aloneAnswer([40], 30));
  });

  it('takes a prefix, which it does not compute again, and of which the caller may free his own', async () => {
    const preamble = Array.from({ length: 45 }, (_, i) => (i * 31) % VOCABULARY);
    const prefix = decoder.prefill(preamble);
    expect(prefix.length).to.equal(45);
    passes.length = 0;
    const prompts = [[1], [2, 3], [4, 5, 6]].map((end) => [...preamble, ...end]);
    const answers = prompts.map((prompt, i) =>
      decoder.submit(searchOf(prompt, 20, { numBeams: 1 + i }), { prefix }),
    );
    prefix.free();
    for (const [i, prompt] of prompts.entries()) {
      expect(await answers[i]).to.deep.equal(await aloneAnswer(prompt, 20, { numBeams: 1 + i }));
    }
    const ofPrompts = passes.filter(({ texts }) => texts === 1).map(({ tokens }) => tokens);
    expect(ofPrompts.slice(0, 3)).to.deep.equal([1, 2, 3]);
    expect(Math.max(...passes.map(({ tokens }) => tokens))).to.be.at.most(6);
  });

  it("answers a prefix's prompt as the whole prompt, of a real model", () =>
    withModel({ model: LLAMA }, async (llama, { encoder }) => {
      const real = new Decoder(llama);
      const prompt = encoder.encodePrompt({ instruction: 'Name a color.', input: '' });
      for (const given of BEAMS) {
        const whole = await real.submit(searchOf(prompt, 30, given));
        for (const length of [1, 32, prompt.length - 1]) {
          const prefix = real.prefill(prompt.slice(0, length));
          const answer = await real.submit(searchOf(prompt, 30, given), { prefix });
          expect(answer, `a prefix of ${length} tokens`).to.deep.equal(whole);
          prefix.free();
        }
      }
      expect((real.cache as PagedCache).blocksInUse).to.equal(0);
    }));

  it('refuses a prefix that leaves nothing of the prompt, is of another cache, or has been freed', async () => {
    const prefix = decoder.prefill([1, 2, 3]);
    const refused = async (what: string, prompt: number[], by = decoder) => {
      let message = '';
      await by.submit(searchOf(prompt, 5), { prefix }).catch((error) => {
        message = error.message;
      });
      expect(message).to.include(what);
    };
    await refused('a prefix of 3 tokens leaves nothing of a prompt of 3', [1, 2, 3]);
    await refused('a prefix of 3 tokens leaves nothing of a prompt of 2', [1, 2]);
    await refused('another cache', [1, 2, 3, 4], new Decoder(model));
    prefix.free();
    await refused('freed', [1, 2, 3, 4]);
    expect(passes, 'the prefix alone').to.have.lengthOf(1);
  });

  it('refuses a prefix of another prompt, and one that it has not computed', async () => {
    const prefix = decoder.prefill([1, 2, 3]);
    const fork = prefix.fork();
    const refused = async (message: string, prompt: number[], given = prefix) => {
      const error = await decoder.submit(searchOf(prompt, 5), { prefix: given }).catch((thrown) => thrown);
      expect(error).to.be.instanceOf(RangeError).and.to.have.property('message', message);
    };
    await refused('the prefix is of another prompt: its token 2 is 2, that of the prompt 9', [1, 9, 3, 4]);
    await refused('the prefix is none that `prefill` of this decoder returned', [1, 2, 3, 4], fork);
    expect(passes, 'the prefix alone').to.have.lengthOf(1);
    prefix.free();
    fork.free();
  });

  it('refuses a search that goes beyond the positions of the model; one that takes all of them is answered', async () => {
    for (const numBeams of [1, 3]) {
      const refused = async (message: string, prompt: number, tokens: number) => {
        const search = searchOf(Array(prompt).fill(1), tokens, { numBeams });
        const error = await decoder.submit(search).catch((thrown) => thrown);
        expect(error).to.be.instanceOf(RangeError).and.to.have.property('message', message);
      };
      await refused("the search's limit is 513, but the model was made for 512 positions", 500, 13);
      await refused('the prompt has 512 tokens, but the model was made for 512 positions', 512, 0);
      expect(passes).to.have.lengthOf(0);
      const { ids, stopped } = await decoder.submit(searchOf(Array(500).fill(1), 12, { numBeams }));
      expect(ids).to.have.lengthOf(12);
      expect(stopped).to.equal('length');
      passes.length = 0;
    }
  });

  it('refuses a search that is under way, and takes it again after an abort', async () => {
    const search = searchOf([1, 2], 30);
    const stop = new AbortController();
    const onAdvance = () => {
      if (search.answer.ids.length === 7) stop.abort();
    };
    const aborted = decoder.submit(search, { signal: stop.signal, onAdvance });
    for (const other of [decoder, new Decoder(model)]) {
      const error = await other.submit(search).catch((thrown) => thrown);
      expect(error.message).to.equal('the search is under way already: make one for each answer');
    }
    await expectError(() => aborted, 'INTERRUPTED');
    expect(await decoder.submit(search)).to.deep.equal(await aloneAnswer([1, 2], 30));
  });

  it('frees a prefix that cannot be computed', () => {
    model.nextLogits = () => {
      throw FAULT;
    };
    expect(() => decoder.prefill([1, 2])).to.throw(FAULT.message);
  });
});
