/** `evolve data check FILE|NAME`: every fault with its place. */

import { EvolveError } from '../../base/errors.js';
import { printable } from '../../base/printable.js';
import type { BadRow } from '../../contracts/dataset.js';
import { emptyError, openData, type SourceOptions } from './source.js';

export async function dataCheckCommand(what: string, options: SourceOptions): Promise<void> {
  const { sources, examplesOf } = await openData([what], options);
  let [good, faulty] = [0, 0];
  const skip = (row: BadRow) => {
    faulty++;
    const line = options.json
      ? JSON.stringify({ type: 'fault', ...row })
      : printable(`${row.where}: ${row.fault}`);
    process.stdout.write(`${line}\n`);
  };
  for (const source of sources) for await (const _ of examplesOf({ ...source, skip })) good++;
  if (faulty > 0) {
    const message = `${what}: ${faulty} ${faulty === 1 ? 'record is' : 'records are'} faulty; ${good} examples can be read`;
    throw new EvolveError(
      'DATA_RECORD',
      message,
      'Correct or remove these records, or train with data.onBadRow: skip.',
    );
  }
  if (good === 0) throw emptyError([what]);
  const line = options.json
    ? JSON.stringify({ type: 'done', examples: good })
    : `${good} examples, none faulty`;
  process.stdout.write(`${line}\n`);
}
