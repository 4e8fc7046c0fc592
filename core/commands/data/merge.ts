/** `evolve data merge FILE|NAME…`: several sources in one file, one behind the other, each record with its source's name. */

import { type WriteOptions, writeExamples } from './write-examples.js';

export async function dataMergeCommand(whats: readonly string[], options: WriteOptions): Promise<void> {
  await writeExamples(whats, options);
}
