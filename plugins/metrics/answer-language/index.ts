/**
 * The share of held-out questions that the model answers in the script in which they are asked: a Chinese question in Chinese. The
 * script of the data's own answer counts where the data has one, since a question may ask for a translation.
 */

import { definePlugin, z } from '../../../core/index.js';
import { ASKING, answersTo, meanOf, questionsOf, scriptOf } from '../kit/index.js';

export default definePlugin({
  name: 'answer-language',
  apiVersion: 2,
  family: 'metrics',
  schema: z.strictObject(ASKING),
  apply(trainer, { limit, maxNewTokens }) {
    trainer.hooks.evaluate.tap(async (metrics, evaluation) => {
      const asked = questionsOf(evaluation.examples, limit).flatMap((question) => {
        const { instruction, input, expected = '' } = question;
        const script = scriptOf(expected) ?? scriptOf(`${instruction}\n${input}`);
        return script === undefined ? [] : [{ ...question, script }];
      });
      if (asked.length === 0) return metrics;
      const answers = await answersTo(asked, evaluation, maxNewTokens);
      // An answer of digits alone is in any language; one of nothing is in none.
      const scores = answers.map(({ text }, i) => {
        const script = scriptOf(text);
        return Number(script === undefined ? /\d/.test(text) : script === asked[i].script);
      });
      return { ...metrics, ...meanOf('answerLanguage', scores, asked) };
    });
  },
});
