import { expect } from 'chai';
import { logSoftmax, processScores } from '../../../core/generation/processors.js';

const penalize = (scores: Float32Array, soFar: number[], repetitionPenalty: number) =>
  processScores(scores, soFar, { repetitionPenalty, noRepeatNgramSize: 0 });

describe('processScores', () => {
  it('makes tokens of the text less likely, whatever the sign of their score, once each', () => {
    const scores = Float32Array.of(2, -2, 1, -1);
    penalize(scores, [0, 1, 1, 0], 4);
    expect([...scores]).to.deep.equal([0.5, -8, 1, -1]);
  });

  it('leaves scores alone at a penalty of 1', () => {
    const scores = Float32Array.of(2, -2, 1);
    penalize(scores, [0, 1], 1);
    expect([...scores]).to.deep.equal([2, -2, 1]);
  });

  /** The tokens of five that may not follow. */
  const forbidden = (soFar: number[], noRepeatNgramSize: number) => {
    const scores = new Float32Array(5);
    processScores(scores, soFar, { repetitionPenalty: 1, noRepeatNgramSize });
    return [...scores.keys()].filter((id) => scores[id] === Number.NEGATIVE_INFINITY);
  };

  it('forbids tokens that would repeat a run of so many', () => {
    expect(forbidden([1, 2, 3, 1, 2], 3)).to.deep.equal([3]);
    expect(forbidden([1, 2, 3, 1, 2, 4, 1, 2], 3)).to.deep.equal([3, 4]);
    expect(forbidden([1, 2, 3, 1], 2)).to.deep.equal([2]);
    expect(forbidden([1, 1], 2)).to.deep.equal([1]);
    expect(forbidden([1, 3], 1)).to.deep.equal([1, 3]);
  });

  it('forbids nothing in a text that is too short, or where nothing repeats', () => {
    expect(forbidden([1], 3)).to.deep.equal([]);
    expect(forbidden([1, 2], 3)).to.deep.equal([]);
    expect(forbidden([1, 2, 3, 4], 2)).to.deep.equal([]);
    expect(forbidden([1, 2, 1, 2], 0)).to.deep.equal([]);
  });
});

describe('logSoftmax', () => {
  it('yields log-probabilities, of large scores too', () => {
    const scores = Float32Array.of(1000, 1000, Number.NEGATIVE_INFINITY, 1000);
    logSoftmax(scores);
    expect([...scores].map(Math.exp).map((p) => Math.round(p * 1e6))).to.deep.equal([
      333333, 333333, 0, 333333,
    ]);
  });
});
