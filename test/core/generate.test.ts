import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { GENERATE_DEFAULTS, type GenerateOptions, generate, pickToken } from '../../core/generate.js';
import { Random } from '../../core/random.js';
import type { LanguageModel } from '../../core/types.js';
import { expectError } from '../support/errors.js';

const options = (given: Partial<GenerateOptions>): GenerateOptions => ({ ...GENERATE_DEFAULTS, ...given });

/** Scores whose probabilities at temperature 1 are these. */
const scoresOf = (probabilities: number[]) => Float32Array.from(probabilities, Math.log);

const DRAWS = 5000;

/** How often each token is drawn. */
function frequencies(scores: Float32Array, given: Partial<GenerateOptions>, soFar: number[] = []): number[] {
  const random = new Random(3);
  const counts = new Array<number>(scores.length).fill(0);
  for (let i = 0; i < DRAWS; i++) counts[pickToken(scores.slice(), soFar, options(given), random)]++;
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
    for (let i = 0; i < 20; i++) expect(pickToken(scoresOf(PROBABILITIES), [], given, random)).to.equal(1);
    expect(pickToken(Float32Array.of(-3, -1, -1), [], given, random)).to.equal(1);
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

  it('makes tokens of the text less likely, whatever the sign of their score, once each', () => {
    const scores = Float32Array.of(2, -2, 1, -1);
    pickToken(scores, [0, 1, 1, 0], options({ repetitionPenalty: 4 }), new Random(1));
    expect([...scores]).to.deep.equal([0.5, -8, 1, -1]);
  });

  it('leaves scores alone at a penalty of 1', () => {
    const scores = Float32Array.of(2, -2, 1);
    pickToken(scores, [0, 1], options({}), new Random(1));
    expect([...scores]).to.deep.equal([2, -2, 1]);
  });

  it('penalizes before it chooses, drawn or not', () => {
    const scores = Float32Array.of(3, 2.5, -9);
    const penalty = options({ repetitionPenalty: 2 });
    expect(pickToken(scores.slice(), [0], penalty, new Random(1))).to.equal(1);
    expect(frequencies(scores, { temperature: 1, topK: 1, repetitionPenalty: 2 }, [0])).to.deep.equal([
      0, 1, 0,
    ]);
  });

  it('repeats by seed', () => {
    const draw = (seed: number) => {
      const random = new Random(seed);
      return Array.from({ length: 30 }, () =>
        pickToken(scoresOf(PROBABILITIES), [], options({ temperature: 1 }), random),
      );
    };
    expect(draw(1)).to.deep.equal(draw(1));
    expect(draw(1)).not.to.deep.equal(draw(2));
  });
});

/** A model that always says the token after the last one; 9 ends the answer. */
function countingModel(maxLength = 100): LanguageModel {
  const tokenizer = {
    vocabularySize: 10,
    bosId: null,
    eosId: 9,
    encode: () => [],
    decode: (ids: readonly number[]) => ` ${ids.join(' ')} `,
  };
  return {
    tokenizer,
    maxLength,
    encodePrompt: ({ instruction }: { instruction: string }) => [...instruction].map(Number),
    collate: ([{ inputIds }]: { inputIds: Int32Array }[]) => ({ inputIds }),
    nextLogits: ({ inputIds }: { inputIds: Int32Array }) =>
      tf.oneHot(tf.tensor1d([inputIds[inputIds.length - 1] + 1], 'int32'), 10).toFloat(),
  } as unknown as LanguageModel;
}

describe('generate', () => {
  const prompt = { instruction: '12', input: '' };

  it('goes on until the model says that it is done; the end is no part of the text', async () => {
    expect(await generate(countingModel(), prompt)).to.deep.equal({
      text: '3 4 5 6 7 8',
      tokens: 6,
      stopped: 'end',
    });
  });

  it('stops after maxNewTokens', async () => {
    const generated = await generate(countingModel(), prompt, options({ maxNewTokens: 2 }));
    expect(generated).to.deep.equal({ text: '3 4', tokens: 2, stopped: 'length' });
  });

  it('stops where the positions of the model run out', async () => {
    expect(await generate(countingModel(5), prompt)).to.include({ tokens: 3, stopped: 'length' });
    expect(await generate(countingModel(3), prompt)).to.include({ text: '3', tokens: 1, stopped: 'length' });
  });

  it('refuses a prompt that leaves no position for an answer', async () => {
    const ask = () => generate(countingModel(2), prompt);
    await expectError(ask, 'COMMAND_LINE', 'the prompt has 2 tokens, but the model was made for 2 positions');
  });

  it('repeats by seed', async () => {
    const hot = (seed: number) => generate(countingModel(), prompt, options({ temperature: 5, seed }));
    expect(await hot(1)).to.deep.equal(await hot(1));
    expect((await hot(1)).text).not.to.equal((await hot(2)).text);
  });
});
