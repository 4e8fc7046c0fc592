/**
 * The share of questions of which the model finds the right choice the likeliest. Nothing is generated: each choice is put behind the
 * question as its answer, and the log-probabilities of its tokens are added up.
 */

import { definePlugin, type Evaluation, z } from '../../../core/index.js';
import { answerIn, meanOf, plain, questionsOf } from '../kit/index.js';
import { type ChoiceQuestion, choiceQuestions } from './file.js';

export default definePlugin({
  name: 'multiple-choice',
  apiVersion: 2,
  family: 'metrics',
  schema: z
    .strictObject({
      /** A file of questions, each with its choices. */
      path: z.string().min(1).optional(),
      /** Or the choices of each held-out question, of which its answer is one. */
      choices: z.array(z.string().min(1)).min(2).optional(),
      limit: z.number().int().positive().default(200),
    })
    .refine(({ path, choices }) => (path === undefined) !== (choices === undefined), {
      error: 'expected either path, a file of questions, or choices, those of the held-out rows',
    }),
  apply(trainer, { path, choices = [], limit }) {
    trainer.hooks.evaluate.tap(async (metrics, evaluation) => {
      const questions =
        path === undefined ? heldOut(evaluation, choices, limit) : choiceQuestions(path).slice(0, limit);
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

function heldOut({ examples }: Evaluation, choices: readonly string[], limit: number): ChoiceQuestion[] {
  const known = choices.map(plain);
  return questionsOf(examples, examples.length)
    .flatMap(({ prompt, expected = '', conclusion, source, language }) => {
      const answers = [expected, conclusion ? answerIn(conclusion) : expected].map(plain);
      const right = known.findIndex((choice) => answers.includes(choice));
      return right < 0 ? [] : [{ prompt, choices, right, source, language }];
    })
    .slice(0, limit);
}

function likeliest(values: readonly number[]): number {
  return values.indexOf(Math.max(...values));
}
