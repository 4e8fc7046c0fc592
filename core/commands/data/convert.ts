/** `evolve data convert FILE|NAME`: whatever format it has, as messages or instructions in JSON lines, JSON or Parquet. */

import { type WriteOptions, writeExamples } from './write-examples.js';

export async function dataConvertCommand(what: string, options: WriteOptions): Promise<void> {
  await writeExamples([what], options);
}
