import { expect } from 'chai';
import { Random } from '../../../core/base/random.js';
import { GENERATE_DEFAULTS, type GenerateOptions } from '../../../core/generation/options.js';
import { narrow, pickToken } from '../../../core/generation/sampling.js';

const options = (given: Partial<GenerateOptions>): GenerateOptions => ({ ...GENERATE_DEFAULTS, ...given });

/** Scores whose probabilities at temperature 1 are these. */
const scoresOf = (probabilities: number[]) => Float32Array.from(probabilities, Math.log);

const DRAWS = 5000;

/** How often each token is drawn. */
function frequencies(scores: Float32Array, given: Partial<GenerateOptions>): number[] {
  const random = new Random(3);
  const counts = new Array<number>(scores.length).fill(0);
  for (let i = 0; i < DRAWS; i++) counts[pickToken(scores.slice(), options(given), random)]++;
  return counts.map((count) => count / DRAWS);
}

/** Each within five standard deviations of its probability; where that is 0, never drawn. */
function expectFrequencies(actual: number[], probabilities: number[]): void {
  for (const [id, p] of probabilities.entries()) {
    expect(actual[id], `token ${id}`).to.be.closeTo(p, 5 * Math.sqrt((p * (1 - p)) / DRAWS));
  }
}

describe('pickToken', () => {
  // Not in order of likelihood, so that the mapping from rank to token is seen.
  const PROBABILITIES = [0.15, 0.5, 0.05, 0.3];

  it('takes the likeliest at temperature 0, of equals the first, whatever else is asked', () => {
    const random = new Random(1);
    const given = options({ temperature: 0, topK: 3, topP: 0.9 });
    for (let i = 0; i < 20; i++) expect(pickToken(scoresOf(PROBABILITIES), given, random)).to.equal(1);
    expect(pickToken(Float32Array.of(-3, -1, -1), given, random)).to.equal(1);
  });

  for (const temperature of [0.5, 1, 2]) {
    it(`draws by the softmax of the scores divided by temperature ${temperature}`, () => {
      const powers = PROBABILITIES.map((p) => p ** (1 / temperature));
      const total = powers.reduce((sum, power) => sum + power, 0);
      expectFrequencies(
        frequencies(scoresOf(PROBABILITIES), { temperature }),
        powers.map((power) => power / total),
      );
    });
  }

  it('draws from the topK likeliest', () => {
    const scores = scoresOf(PROBABILITIES);
    expectFrequencies(frequencies(scores, { temperature: 1, topK: 1 }), [0, 1, 0, 0]);
    expectFrequencies(frequencies(scores, { temperature: 1, topK: 2 }), [0, 0.625, 0, 0.375]);
    expectFrequencies(frequencies(scores, { temperature: 1, topK: 99 }), PROBABILITIES);
  });

  it('draws from the fewest likeliest that together reach topP', () => {
    const scores = scoresOf(PROBABILITIES);
    expectFrequencies(frequencies(scores, { temperature: 1, topP: 0.01 }), [0, 1, 0, 0]);
    expectFrequencies(frequencies(scores, { temperature: 1, topP: 0.49 }), [0, 1, 0, 0]);
    expectFrequencies(frequencies(scores, { temperature: 1, topP: 0.51 }), [0, 0.625, 0, 0.375]);
    expectFrequencies(frequencies(scores, { temperature: 1, topP: 0.79 }), [0, 0.625, 0, 0.375]);
    expectFrequencies(frequencies(scores, { temperature: 1, topP: 0.81 }), [15 / 95, 50 / 95, 0, 30 / 95]);
    expectFrequencies(frequencies(scores, { temperature: 1, topP: 1 }), PROBABILITIES);
  });

  it('takes the nucleus after the temperature and within topK', () => {
    // Hot, all are nearly alike: what was a nucleus of one is one of two.
    const hot = frequencies(scoresOf([0.9, 0.1]), { temperature: 100, topP: 0.8 });
    expect(hot[1]).to.be.above(0.4);
    // Of the two that topK leaves, the first has 62.5 %.
    const both = frequencies(scoresOf(PROBABILITIES), { temperature: 1, topK: 2, topP: 0.6 });
    expectFrequencies(both, [0, 1, 0, 0]);
  });

  it('draws no token of score −∞', () => {
    const scores = Float32Array.of(0, Number.NEGATIVE_INFINITY, 0);
    for (const given of [{}, { topK: 3 }, { topP: 0.99 }, { topK: 2, topP: 0.9 }]) {
      expect(frequencies(scores, { temperature: 1, ...given })[1], JSON.stringify(given)).to.equal(0);
    }
  });

  it('keeps the equals of the last of topK, as transformers does', () => {
    const scores = Float32Array.of(1, 3, 1, 2, 1);
    const { ids } = narrow(scores, { temperature: 1, topK: 3, topP: 1 });
    expect(ids).to.deep.equal([1, 3, 0, 2, 4]);
  });

  it('finds the likeliest of many, few or nearly all of them', () => {
    const random = new Random(7);
    const scores = Float32Array.from({ length: 5000 }, () => random.next());
    const sorted = Array.from(scores, (_, id) => id).sort((a, b) => scores[b] - scores[a]);
    for (const topK of [1, 40, 1024, 1025, 4999, 9999]) {
      const { ids } = narrow(scores, { temperature: 1, topK, topP: 1 });
      expect(ids, `${topK}`).to.deep.equal(sorted.slice(0, topK));
    }
    for (const topP of [0.001, 0.5, 0.999]) {
      const { ids } = narrow(scores, { temperature: 1, topK: 0, topP });
      const weights = sorted.map((id) => Math.exp(scores[id]));
      const mass = (count: number) => weights.slice(0, count).reduce((sum, weight) => sum + weight, 0);
      expect(ids).to.deep.equal(sorted.slice(0, ids.length));
      expect(mass(ids.length), `${topP}`).to.be.at.least(topP * mass(5000));
      expect(mass(ids.length - 1), `${topP}`).to.be.below(topP * mass(5000));
    }
  });

  it('repeats by seed', () => {
    const draw = (seed: number) => {
      const random = new Random(seed);
      return Array.from({ length: 30 }, () =>
        pickToken(scoresOf(PROBABILITIES), options({ temperature: 1 }), random),
      );
    };
    expect(draw(1)).to.deep.equal(draw(1));
    expect(draw(1)).not.to.deep.equal(draw(2));
  });
});
