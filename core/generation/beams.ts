import { Random } from '../base/random.js';
import type { SearchOptions } from './options.js';
import { logSoftmax, processScores } from './processors.js';
import { draw, narrow, weightsOf } from './sampling.js';
import { checkScores, nothingLeft } from './score-checks.js';
import type { Answer, Hypothesis, Search } from './search.js';

/** A text that is being continued, with the log-probability of its answer (as the processors left it). */
interface Beam extends Hypothesis {
  readonly score: number;
}

/** An answer that has ended. Its score is per token, to the power of the length penalty. */
interface Finished {
  readonly answer: Answer;
  readonly score: number;
}

/** A beam with one more token. */
interface Continuation {
  readonly beam: number;
  readonly id: number;
  readonly score: number;
}

/**
 * Beam search; with a temperature, beam sampling. It follows the likeliest continuations of all beams, or drawn ones. Semantics
 * are those of transformers 5.23: processors see log-probabilities. There are enough candidates that all beams go on, whichever
 * end. Candidates that end count only among the first, as many as there are beams. The search ends when no beam can beat the
 * worst of the answers that have ended.
 */
export class BeamSearch implements Search {
  readonly width: number;
  hypotheses: readonly Beam[];
  /** This many continuations of a beam include one that does not end: a beam ends with any of the stop tokens. */
  readonly #waysOn: number;
  readonly #random: Random;
  #finished: Finished[] = [];

  constructor(
    private readonly prompt: readonly number[],
    private readonly options: SearchOptions,
  ) {
    this.width = options.numBeams;
    this.#waysOn = Math.max(2, 1 + options.stopIds.size);
    this.#random = new Random(options.seed);
    this.hypotheses = [{ ids: prompt, parent: 0, score: 0 }];
  }

  advance(scores: readonly Float32Array[]): void {
    const { numBeams, stopIds, limit, lengthPenalty } = this.options;
    const beams = this.hypotheses;
    const candidates = this.#candidates(scores);
    const length = beams[0].ids.length + 1 - this.prompt.length;
    const isLast = beams[0].ids.length + 1 >= limit;
    const ends = ({ id }: Continuation) => isLast || stopIds.has(id);

    const ended = candidates
      .slice(0, numBeams)
      .filter(ends)
      .map(({ beam, id, score }): Finished => {
        const answer = beams[beam].ids.slice(this.prompt.length);
        return {
          answer: stopIds.has(id)
            ? { ids: answer, stopped: 'end' }
            : { ids: [...answer, id], stopped: 'length' },
          score: score / length ** lengthPenalty,
        };
      });
    this.#finished = [...this.#finished, ...ended].sort((a, b) => b.score - a.score).slice(0, numBeams);
    if (candidates.length === 0 && this.#finished.length === 0) throw nothingLeft(beams[0].ids, this.options);

    const following = candidates
      .filter((candidate) => !ends(candidate))
      .sort((a, b) => b.score - a.score)
      .slice(0, numBeams)
      .map(({ beam, id, score }) => ({ ids: [...beams[beam].ids, id], parent: beam, score }));
    this.hypotheses = this.#isDone(following, length) ? [] : following;
  }

  get limit(): number {
    return this.options.limit;
  }

  get answer(): Answer {
    return this.#finished[0]?.answer ?? { ids: [], stopped: 'length' };
  }

  /** The likeliest continuations of all beams; or drawn ones, in the order in which they were drawn. */
  #candidates(scores: readonly Float32Array[]): Continuation[] {
    const { options, hypotheses } = this;
    const count = this.#waysOn * options.numBeams;
    const samples = options.temperature !== 0;
    const all = scores.flatMap((ofBeam, beam): Continuation[] => {
      const { ids: soFar } = hypotheses[beam];
      checkScores(ofBeam, soFar, options);
      logSoftmax(ofBeam);
      processScores(ofBeam, soFar, options);
      // A greedy beam yields at most `count` of them. A sampling beam keeps one that goes on beside those that end.
      const { ids, scores: left } = samples
        ? narrow(ofBeam, options, this.#waysOn)
        : narrow(ofBeam, { temperature: 1, topK: count, topP: 1 });
      return ids.map((id, i) => ({ beam, id, score: Math.fround(left[i] + hypotheses[beam].score) }));
    });
    if (!samples) return all.sort((a, b) => b.score - a.score).slice(0, count);

    const weights = weightsOf(all.map(({ score }) => score));
    const drawn: Continuation[] = [];
    while (drawn.length < count && weights.some((weight) => weight > 0)) {
      const i = draw(weights, this.#random);
      drawn.push(all[i]);
      weights[i] = 0;
    }
    return drawn;
  }

  /** Whether there are enough answers, and no beam can improve on them. */
  #isDone(following: readonly Beam[], length: number): boolean {
    const { numBeams, earlyStopping, lengthPenalty } = this.options;
    if (following.length === 0) return true;
    if (this.#finished.length < numBeams) return false;
    if (earlyStopping) return true;
    return following[0].score / length ** lengthPenalty <= this.#finished[numBeams - 1].score;
  }
}
