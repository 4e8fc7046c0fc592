/**
 * What every metric must do:
 *
 *     describeMetric('perplexity', { measures: { perplexity: Math.exp(CROSS_ENTROPY) } });
 */

import { expect } from 'chai';
import {
  type CrossEntropies,
  type Evaluation,
  EvolveError,
  type Example,
  type Generated,
  type Metrics,
} from '../../core/index.js';
import { type Choice, loadPlugin } from '../support/choice.js';
import { expectError } from '../support/errors.js';
import { applyAlone } from '../support/plugins.js';

export interface MetricFixture {
  readonly options?: object;
  /** What it measures of EXAMPLES, which are answered by ANSWERS. */
  readonly measures: Readonly<Record<string, number>>;
  /** It has the model answer. */
  readonly generates?: boolean;
}

export const EVAL_LOSS = 1.5;
/** The held-out loss is that of another objective. */
export const CROSS_ENTROPY = 1.25;
const CROSS_ENTROPIES: CrossEntropies = {
  all: { loss: CROSS_ENTROPY, targets: 12, stderr: 0.1 },
  bySource: { one: { loss: 1, targets: 9, stderr: 0.2 }, two: { loss: 2, targets: 3 } },
  byLanguage: { en: { loss: 1, targets: 9, stderr: 0.2 } },
};

/** Held-out rows of every kind. Of the four instructions two are answered word for word. */
export const EXAMPLES: readonly Example[] = [
  { kind: 'instruction', instruction: 'One?', input: '', output: 'First' },
  { kind: 'text', text: 'A text.' },
  { kind: 'instruction', instruction: 'Two?', input: 'of two', output: ' Second\n' },
  {
    kind: 'turns',
    turns: [
      { role: 'user', content: 'One?', trained: false },
      { role: 'assistant', content: 'First', trained: true },
    ],
  },
  { kind: 'instruction', instruction: 'Three?', input: '', output: 'Third' },
  { kind: 'preference', prompt: { instruction: 'One?', input: '' }, chosen: 'a', rejected: 'b' },
  { kind: 'instruction', instruction: 'Four?', input: '', output: 'Fourth' },
];
export const ANSWERS: Readonly<Record<string, string>> = {
  'One?': 'First',
  'Two?': 'Second',
  'Three?': 'third',
  'Four?': 'Fourth, or so',
};

/** @param third the files of third parties' plugins */
export function describeMetric(name: string, fixture: MetricFixture, third?: Choice): void {
  const { options = {}, measures, generates = false } = fixture;

  describe(`the metric ${name} ${JSON.stringify(options)}`, () => {
    const given: Metrics = Object.freeze({ evalLoss: EVAL_LOSS, ofAnother: 7 });
    const measure = async (evaluation: Evaluation): Promise<Metrics> => {
      const plugin = await loadPlugin('metrics', name, { ...third, options });
      return applyAlone(plugin, { options }).hooks.evaluate.promise(given, evaluation);
    };
    const crossEntropy = async () => CROSS_ENTROPY;
    const crossEntropies = async () => CROSS_ENTROPIES;
    // The longer an answer, the less likely it is.
    const logProbabilities: Evaluation['logProbabilities'] = async (answers) =>
      answers.map(({ answer: { length } }) => ({ logProbability: -length, tokens: length }));
    const others = { crossEntropy, crossEntropies, logProbabilities };
    const answer: Evaluation['generate'] = async (prompts) =>
      prompts.map((prompt): Generated => {
        const asked = 'turns' in prompt ? (prompt.turns.at(-1)?.content ?? '') : prompt.instruction;
        return { text: ANSWERS[asked] ?? '', tokens: 1, stopped: 'end' };
      });

    it('adds what it measures of rows of every kind to what others have measured', async () => {
      const examples = Object.freeze([...EXAMPLES]);
      expect(await measure({ examples, generate: answer, ...others })).to.deep.equal({
        ...given,
        ...measures,
      });
    });

    it('adds nothing but numbers, of whatever rows', async () => {
      for (const examples of [[], ...EXAMPLES.map((example) => [example])])
        for (const [key, value] of Object.entries(await measure({ examples, generate: answer, ...others })))
          expect(value, `${key} of ${examples[0]?.kind}`).to.satisfy(Number.isFinite);
    });

    it('has the model answer where it needs that, and is interrupted with it', async () => {
      let asked = 0;
      const interrupted: Evaluation['generate'] = async () => {
        asked++;
        throw new EvolveError('INTERRUPTED', 'interrupted after 2 steps');
      };
      const measured = measure({ examples: EXAMPLES, generate: interrupted, ...others });
      if (generates) await expectError(() => measured, 'INTERRUPTED', 'interrupted after 2 steps');
      else await measured;
      expect(asked).to.equal(generates ? 1 : 0);
    });
  });
}
