/**
 * The share of questions of which the model finds the right choice the likeliest. Nothing is generated: each choice is put behind the
 * question as its answer, and the log-probabilities of its tokens are added up.
 */

import { definePlugin, type Evaluation, EvolveError, z } from '../../../core/index.js';
import { answerIn, meanOf, plain, questionsOf } from '../kit/index.js';
import { type ChoiceQuestion, choiceQuestions } from './file.js';

export default definePlugin({
  name: 'multiple-choice',
  apiVersion: 2,
  family: 'metrics',
  schema: z.strictObject({
    /** A file of questions, each with its choices. */
    path: z.string().min(1).optional(),
    /** Or the choices of each held-out question, of which its answer is one. */
    choices: z.array(z.string().min(1)).min(2).optional(),
    limit: z.number().int().positive().default(200),
  }),
  apply(trainer, options) {
    const { limit } = options;
    // Before the first step of a run: faults of the file must not show when hours are gone.
    trainer.hooks.evaluateBase.tap((evaluation) => {
      questionsIn(evaluation, options);
    });
    trainer.hooks.evaluate.tap(async (metrics, evaluation) => {
      const questions = questionsIn(evaluation, options).slice(0, limit);
      if (questions.length === 0) return metrics;
      const found = await evaluation.logProbabilities(
        questions.flatMap(({ prompt, choices }) => choices.map((answer) => ({ prompt, answer }))),
      );
      let at = 0;
      const [sums, means] = [[] as number[], [] as number[]];
      for (const { choices, right } of questions) {
        const own = found.slice(at, at + choices.length);
        at += choices.length;
        sums.push(Number(likeliest(own.map(({ logProbability }) => logProbability)) === right));
        // By character, so that a long choice is not the less likely for its length alone, whatever the tokenizer makes of it.
        const byLength = own.map(({ logProbability }, i) => logProbability / [...choices[i]].length);
        means.push(Number(likeliest(byLength) === right));
      }
      return {
        ...metrics,
        ...meanOf('multipleChoice', sums, questions),
        ...meanOf('multipleChoiceByLength', means, questions),
      };
    });
  },
});

/** @throws EvolveError CONFIG_INVALID unless there is a file, or there are choices */
function questionsIn(
  evaluation: Pick<Evaluation, 'examples'>,
  { path, choices }: { path?: string | undefined; choices?: readonly string[] | undefined },
): ChoiceQuestion[] {
  if (path !== undefined && choices === undefined) return choiceQuestions(path);
  if (path === undefined && choices !== undefined) return heldOut(evaluation, choices);
  const message = `the metric multiple-choice has ${path === undefined ? 'neither path nor choices' : 'both path and choices'}`;
  const advice = 'Give path, a file of questions, or choices, those of the held-out questions.';
  throw new EvolveError('CONFIG_INVALID', message, advice, { at: ['metrics'] });
}

function heldOut({ examples }: Pick<Evaluation, 'examples'>, choices: readonly string[]): ChoiceQuestion[] {
  const known = choices.map(plain);
  return questionsOf(examples, examples.length).flatMap(
    ({ prompt, expected = '', conclusion, source, language }) => {
      const answers = [expected, conclusion ? answerIn(conclusion) : expected].map(plain);
      const right = known.findIndex((choice) => answers.includes(choice));
      return right < 0 ? [] : [{ prompt, choices, right, source, language }];
    },
  );
}

function likeliest(values: readonly number[]): number {
  return values.indexOf(Math.max(...values));
}
