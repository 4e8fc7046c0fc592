/**
 * Has the model answer a few questions before the first step and at each evaluation, and keeps the answers in samples.jsonl of the
 * output folder. `evolve report` shows the first and the last beside each other.
 */

import path from 'node:path';
import { definePlugin, type Evaluation, type HookContext, z } from '../../../core/index.js';
import { answersTo, type Question, questionsOf } from '../kit/index.js';
import { writeSamples } from './sample-file.js';

const prompt = z.preprocess(
  (value) => (typeof value === 'string' ? { instruction: value } : value),
  z.strictObject(
    { instruction: z.string().min(1), input: z.string().default('') },
    { error: 'expected a question, or { instruction, input }' },
  ),
);

export default definePlugin({
  name: 'samples',
  apiVersion: 2,
  family: 'metrics',
  schema: z.strictObject({
    /** What is asked; held-out questions unless it is given. */
    prompts: z.array(prompt).min(1).optional(),
    /** How many held-out questions are asked, where no prompts are given. */
    limit: z.number().int().positive().default(4),
    maxNewTokens: z.number().int().positive().default(128),
  }),
  apply({ hooks, run, notice }, { prompts, limit, maxNewTokens }) {
    const sample = async (evaluation: Evaluation, { step, world }: HookContext) => {
      const questions: readonly Question[] =
        prompts?.map((asked) => ({ prompt: asked, ...asked })) ?? questionsOf(evaluation.examples, limit);
      if (world.rank !== 0 || questions.length === 0) return;
      const answers = await answersTo(questions, evaluation, maxNewTokens);
      const lines = questions.map(({ instruction, input, expected }, i) => {
        const { text, tokens, stopped } = answers[i];
        return { step, instruction, input, expected, answer: text, tokens, stopped };
      });
      if (run === undefined) {
        for (const { instruction, answer } of lines) notice(`${instruction} -> ${answer}`);
        return;
      }
      const file = path.join(run.output, 'samples.jsonl');
      const fault = writeSamples(file, step, lines);
      if (fault !== undefined) notice(`samples.jsonl cannot be written, and the run goes on: ${fault}`);
    };
    hooks.evaluateBase.tap(sample);
    hooks.evaluate.tap(async (metrics, evaluation, context) => {
      await sample(evaluation, context);
      return metrics;
    });
  },
});
