/**
 * IFEval (arXiv 2311.07911): prompts with instructions that a program can check, such as "in at least 300 words" or "without commas".
 * The prompts are those of a file in the form of the suite's input_data.jsonl, which the person names.
 *
 * Strict: the answer as it is. Loose: as it is, or without its first or its last line, or without asterisks, as a greeting or
 * Markdown should not count against an answer.
 */

import { definePlugin, z } from '../../../core/index.js';
import { meanOf } from '../kit/index.js';
import type { Check } from './rule.js';

export default definePlugin({
  name: 'ifeval',
  apiVersion: 2,
  family: 'metrics',
  schema: z.strictObject({
    /** The file of prompts; there is none without it. */
    path: z.string().min(1).optional(),
    limit: z.number().int().positive().default(541),
    maxNewTokens: z.number().int().positive().default(1280),
  }),
  apply(trainer, { path, limit, maxNewTokens }) {
    // Before the first step of a run: faults of the file must not show when hours are gone.
    trainer.hooks.evaluateBase.tap(async () => {
      await promptsOf(path);
    });
    trainer.hooks.evaluate.tap(async (metrics, { generate }) => {
      const prompts = (await promptsOf(path)).slice(0, limit);
      const answers = await generate(
        prompts.map(({ prompt }) => ({ instruction: prompt, input: '' })),
        { maxNewTokens },
      );
      const followed = (variants: (answer: string) => readonly string[]) =>
        answers.map(({ text }, i) => prompts[i].checks.map((check) => Number(passes(check, variants(text)))));
      const strict = followed((answer) => [answer]);
      const loose = followed(loosened);
      const all = (marks: number[]) => Math.min(...marks);
      return {
        ...metrics,
        ...meanOf('ifevalPromptStrict', strict.map(all), []),
        ...meanOf('ifevalInstructionStrict', strict.flat(), []),
        ...meanOf('ifevalPromptLoose', loose.map(all), []),
        ...meanOf('ifevalInstructionLoose', loose.flat(), []),
      };
    });
  },
});

/** The rules are loaded when there is something to check: every start of the program would wait for them. */
async function promptsOf(path: string | undefined) {
  const { instructionPrompts } = await import('./file.js');
  return instructionPrompts(path);
}

/** An answer of nothing follows no instruction. */
function passes(check: Check, answers: readonly string[]): boolean {
  return answers.some((answer) => answer.trim() !== '' && check(answer));
}

function loosened(answer: string): string[] {
  const lines = answer.split('\n');
  const cut = [lines, lines.slice(1), lines.slice(0, -1), lines.slice(1, -1)].map((kept) =>
    kept.join('\n').trim(),
  );
  return [answer, ...cut, ...cut.map((text) => text.replaceAll('*', ''))];
}
