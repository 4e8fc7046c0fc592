/**
 * ROUGE-L (Lin 2004): how much of the data's answer the model's has in the same order, as the F1 of their longest common
 * subsequence. Units are words; of scripts that write without spaces, such as Chinese, single signs.
 */

import { definePlugin, z } from '../../../core/index.js';
import { ASKING, answersTo, meanOf, questionsOf } from '../kit/index.js';

export default definePlugin({
  name: 'rouge-l',
  apiVersion: 2,
  family: 'metrics',
  schema: z.strictObject(ASKING),
  apply(trainer, { limit, maxNewTokens }) {
    trainer.hooks.evaluate.tap(async (metrics, evaluation) => {
      const questions = questionsOf(evaluation.examples, limit);
      if (questions.length === 0) return metrics;
      const answers = await answersTo(questions, evaluation, maxNewTokens);
      const scores = answers.map(({ text }, i) =>
        rougeL(unitsOf(text), unitsOf(questions[i].expected ?? '')),
      );
      return { ...metrics, ...meanOf('rougeL', scores, questions) };
    });
  },
});

const UNITS =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Khmer}\p{Script=Lao}]|(?:(?![\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Khmer}\p{Script=Lao}])[\p{L}\p{N}\p{M}])+/gu;

function unitsOf(text: string): string[] {
  return text.normalize('NFKC').toLowerCase().match(UNITS) ?? [];
}

/** The harmonic mean of the shares of `answer` and of `expected` that their longest common subsequence is. */
function rougeL(answer: readonly string[], expected: readonly string[]): number {
  const common = commonLength(answer, expected);
  return common === 0 ? 0 : (2 * common) / (answer.length + expected.length);
}

/** The length of the longest common subsequence, a row of its table at a time. */
function commonLength(a: readonly string[], b: readonly string[]): number {
  let above = new Uint32Array(b.length + 1);
  for (const unit of a) {
    const row = new Uint32Array(b.length + 1);
    for (let j = 0; j < b.length; j++)
      row[j + 1] = unit === b[j] ? above[j] + 1 : Math.max(above[j + 1], row[j]);
    above = row;
  }
  return above[b.length];
}
