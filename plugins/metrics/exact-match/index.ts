/** The share of held-out instructions that the model answers word for word as the data does, white space at both ends aside. */

import { definePlugin, type InstructionExample, z } from '../../../core/index.js';

export default definePlugin({
  name: 'exact-match',
  apiVersion: 2,
  family: 'metrics',
  schema: z.strictObject({
    /** Ask for at most so many of the held-out rows: answers take time. */
    limit: z.number().int().positive().default(32),
    maxNewTokens: z.number().int().positive().default(64),
  }),
  apply(trainer, { limit, maxNewTokens }) {
    trainer.hooks.evaluate.tap(async (metrics, { examples, generate }) => {
      const asked = examples
        .filter((example): example is InstructionExample => example.kind === 'instruction')
        .slice(0, limit);
      if (asked.length === 0) return metrics;
      const answers = await generate(asked, { maxNewTokens });
      const right = answers.filter(({ text }, i) => text.trim() === asked[i].output.trim());
      return { ...metrics, exactMatch: right.length / asked.length };
    });
  },
});
