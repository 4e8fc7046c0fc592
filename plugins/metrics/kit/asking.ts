/** Metrics that have the model answer held-out questions. */

import { type Evaluation, type Generated, z } from '../../../core/index.js';
import type { Question } from './questions.js';

/** Their options: the keys of a schema. */
export const ASKING = {
  /** Ask for at most so many of the held-out rows: answers take time. */
  limit: z.number().int().positive().default(32),
  maxNewTokens: z.number().int().positive().default(64),
};

/** Has the model answer, greedily. */
export function answersTo(
  questions: readonly Question[],
  { generate }: Evaluation,
  maxNewTokens: number,
): Promise<readonly Generated[]> {
  return generate(
    questions.map(({ prompt }) => prompt),
    { maxNewTokens },
  );
}
