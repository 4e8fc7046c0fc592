import { expect } from 'chai';
import { BeamSearch } from '../../../core/generation/beams.js';
import type { SearchOptions } from '../../../core/generation/options.js';
import { GENERATE_DEFAULTS } from '../../../core/generation/options.js';

const PROMPT = [0];
const DRAWS = 5000;

/** What a model says comes next, by the answer so far; all tokens together have probability 1. */
type Model = (answer: readonly number[]) => readonly number[];

function searchOf(given: Partial<SearchOptions>): BeamSearch {
  const all = { ...GENERATE_DEFAULTS, name: 'the prompt', stopIds: new Set<number>(), limit: 2, numBeams: 2 };
  return new BeamSearch(PROMPT, { ...all, ...given });
}

function advance(search: BeamSearch, model: Model): void {
  search.advance(
    search.hypotheses.map(({ ids }) => Float32Array.from(model(ids.slice(PROMPT.length)), Math.log)),
  );
}

/** How often each answer, as its tokens, comes of so many searches that draw. */
function frequencies(model: Model, given: Partial<SearchOptions>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let seed = 0; seed < DRAWS; seed++) {
    const search = searchOf({ temperature: 1, ...given, seed });
    while (search.hypotheses.length > 0) advance(search, model);
    const answer = search.answer.ids.join(' ');
    counts[answer] = (counts[answer] ?? 0) + 1 / DRAWS;
  }
  return counts;
}

/** Each within five standard deviations of its probability; what is not named never comes. */
function expectFrequencies(actual: Record<string, number>, probabilities: Record<string, number>): void {
  expect(Object.keys(actual)).to.have.members(Object.keys(probabilities));
  for (const [answer, p] of Object.entries(probabilities)) {
    expect(actual[answer], `"${answer}"`).to.be.closeTo(p, 5 * Math.sqrt((p * (1 - p)) / DRAWS));
  }
}

/** Of two that are drawn by weight, without putting the first back, how likely each is to be the weightier. */
function betterOfTwo(weights: Record<string, number>): Record<string, number> {
  const all = Object.entries(weights);
  const total = all.reduce((sum, [, weight]) => sum + weight, 0);
  const better: Record<string, number> = {};
  for (const [first, one] of all) {
    for (const [second, other] of all) {
      if (first === second) continue;
      const winner = one > other ? first : second;
      better[winner] = (better[winner] ?? 0) + (one / total) * (other / (total - one));
    }
  }
  return better;
}

describe('BeamSearch', () => {
  it('draws without putting back: of two beams the better of the first two counts', () => {
    const model = () => [0.3, 0.5, 0.2];
    expectFrequencies(frequencies(model, {}), betterOfTwo({ 0: 0.3, 1: 0.5, 2: 0.2 }));
    const roots = { 0: Math.sqrt(0.3), 1: Math.sqrt(0.5), 2: Math.sqrt(0.2) };
    expectFrequencies(frequencies(model, { temperature: 2 }), betterOfTwo(roots));
  });

  for (const earlyStopping of [false, true]) {
    it(`draws whole texts, also where one has ended before, early stopping ${earlyStopping}`, () => {
      // Four continuations are asked for: both beams go on, and 2 may have ended among the first two.
      const model: Model = ([first]) => {
        if (first === undefined) return [0.5, 0.4, 0.1];
        return first === 0 ? [0.5, 0.3, 0.2] : [0.1, 0.2, 0.7];
      };
      const drawn = frequencies(model, { limit: 3, stopIds: new Set([2]), earlyStopping });
      // What has ended before, of probability 0.1 a token, is worse than any text of two tokens.
      const texts = { '0 0': 0.25, '0 1': 0.15, '0': 0.1, '1 0': 0.04, '1 1': 0.08, '1': 0.28 };
      expectFrequencies(drawn, betterOfTwo(texts));
    });
  }

  it('draws an end that counts, where it is among the first two', () => {
    const model: Model = ([first]) => (first === undefined ? [0.3, 0.2, 0.5] : [1 / 3, 1 / 3, 1 / 3]);
    const drawn = frequencies(model, { limit: 3, stopIds: new Set([2]) });
    const { 2: ended } = betterOfTwo({ 0: 0.3, 1: 0.2, 2: 0.5 });
    expect(drawn['']).to.be.closeTo(ended, 5 * Math.sqrt((ended * (1 - ended)) / DRAWS));
  });

  for (const given of [{ topK: 1 }, { topP: 0.1 }]) {
    it(`draws also from one token more than there are ends, whatever ${JSON.stringify(given)} leaves`, () => {
      const drawn = frequencies(() => [0.5, 0.3, 0.2], { ...given, stopIds: new Set([1, 2]) });
      const { 0: first, 1: second } = betterOfTwo({ 0: 0.5, 1: 0.3, 2: 0.2 });
      expectFrequencies(drawn, { 0: first, '': second });
    });
  }

  it('goes on with as many beams as there are, however many tokens end', () => {
    const search = searchOf({ stopIds: new Set([1, 2, 3]), limit: 9 });
    advance(search, () => [0.4, 0.3, 0.2, 0.06, 0.04]);
    expect(search.hypotheses.map(({ ids }) => ids)).to.deep.equal([
      [...PROMPT, 0],
      [...PROMPT, 4],
    ]);
  });
});
