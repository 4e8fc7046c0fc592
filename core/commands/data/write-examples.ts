/** What `convert`, `merge` and `format-cot` do: the examples of sources, one by one, into one file. */

import { Breath } from '../../base/breath.js';
import { printable } from '../../base/printable.js';
import type { Example } from '../../contracts/dataset.js';
import { recordOf, type Shape, tableOf } from './record-shapes.js';
import { openRecordWriter, STDOUT } from './record-writer.js';
import { emptyError, openData, type SourceOptions } from './source.js';

export interface WriteOptions extends SourceOptions {
  readonly output: string;
  readonly as: Shape;
  /** Leave out records that are faulty, and tell them. */
  readonly skipBad?: true;
}

/** @param change what becomes of each example before it is written */
export async function writeExamples(
  whats: readonly string[],
  options: WriteOptions,
  change: (example: Example) => Example = (example) => example,
): Promise<void> {
  const { output, as, json, skipBad } = options;
  const told = output === STDOUT ? process.stderr : process.stdout;
  const { sources, examplesOf, signal } = await openData(whats, options, { told });
  const writer = await openRecordWriter(output, tableOf, signal);
  const breath = new Breath(signal);
  let [written, faulty] = [0, 0];
  const skip = ({ where, fault }: { where: string; fault: string }) => {
    faulty++;
    told.write(
      json ? `${JSON.stringify({ type: 'fault', where, fault })}\n` : printable(`${where}: ${fault}\n`),
    );
  };
  try {
    for (const source of sources) {
      const before = written;
      for await (const example of examplesOf(skipBad ? { ...source, skip } : source)) {
        await writer.write(recordOf(change(example), as));
        written++;
        if (breath.isDue) await breath.take();
      }
      if (written === before) throw emptyError([source.name]);
    }
    await writer.finish();
  } catch (error) {
    await writer.abandon();
    throw error;
  }
  const place = output === STDOUT ? 'standard output' : output;
  const left = faulty > 0 ? `; ${faulty} faulty records left out` : '';
  told.write(
    json
      ? `${JSON.stringify({ type: 'done', examples: written, faulty, output })}\n`
      : printable(`${written} records written to ${place}${left}\n`),
  );
}
