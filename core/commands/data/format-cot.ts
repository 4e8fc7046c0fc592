/**
 * `evolve data format-cot FILE…`: Chain-of-Thought sets of FLAN (question, answer and rationale in TSV), phrased as
 * instructions in the common shape, as the collection of Alpaca-CoT holds them. The phrasings are evolve's own, and follow
 * from the question.
 */

import type { Example } from '../../contracts/dataset.js';
import { type WriteOptions, writeExamples } from './write-examples.js';

export async function dataFormatCotCommand(
  whats: readonly string[],
  options: Omit<WriteOptions, 'as' | 'format'>,
): Promise<void> {
  await writeExamples(whats, { ...options, format: 'cot', as: 'instructions' }, withoutPath);
}

/** The name of a set stands for its path: aqua_train.tsv is aqua. */
function withoutPath(example: Example): Example {
  const set = (example.source ?? '').replace(/^.*[\\/]/, '').replace(/(_train)?\.\w+$/, '');
  return { ...example, source: set };
}
