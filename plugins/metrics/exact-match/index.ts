/**
 * The share of held-out questions that the model answers as the data does. Where the data says which part of an answer reasons, the
 * model's reasons are free, and the final answers are compared; otherwise the whole answers, white space at both ends aside.
 */

import { definePlugin, z } from '../../../core/index.js';
import { ASKING, answerIn, answersTo, meanOf, plain, type Question, questionsOf } from '../kit/index.js';

export default definePlugin({
  name: 'exact-match',
  apiVersion: 2,
  family: 'metrics',
  schema: z.strictObject({
    ...ASKING,
    /** `final` compares final answers also where the data does not say what reasons, `whole` compares whole answers always. */
    compare: z.enum(['auto', 'final', 'whole']).default('auto'),
  }),
  apply(trainer, { limit, maxNewTokens, compare }) {
    trainer.hooks.evaluate.tap(async (metrics, evaluation) => {
      const questions = questionsOf(evaluation.examples, limit);
      if (questions.length === 0) return metrics;
      const answers = await answersTo(questions, evaluation, maxNewTokens);
      const scores = answers.map(({ text }, i) => Number(isRight(text, questions[i], compare)));
      return { ...metrics, ...meanOf('exactMatch', scores, questions) };
    });
  },
});

function isRight(
  answer: string,
  { expected = '', conclusion }: Question,
  compare: 'auto' | 'final' | 'whole',
): boolean {
  const isFinal = compare === 'final' || (compare === 'auto' && conclusion !== undefined);
  if (!isFinal) return answer.trim() === expected.trim();
  return plain(answerIn(answer)) === plain(answerIn(conclusion ?? expected));
}
