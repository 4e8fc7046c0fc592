/** From a source to examples: its records, in the hands of a format. */

import { type DataSource, displayPath, EvolveError, type Example } from '../../../core/index.js';
import { lookAlike } from './detect.js';
import { FaultList } from './fault-list.js';
import type { Format } from './format.js';
import type { RawRecord } from './raw-record.js';
import { readRecords } from './records.js';

/** So many of the first records tell how the rest is read. */
const SAMPLE = 100;

/** What a format needs besides its source. */
export interface ReadingParts {
  readonly signal: AbortSignal;
  /** All formats: one of them may fit better. */
  readonly formats: readonly Format[];
  /** Takes a line for the person. */
  tell(message: string): void;
}

/**
 * The examples of a source.
 *
 * @param choose the format, by the first records and the kind of the first file
 * @throws EvolveError DATA_RECORD that names every faulty record, after the last one is read; or DATA_FILE if the first ones
 * are all faulty, and are of another format
 */
export async function* readExamples(
  choose: (sample: readonly unknown[], kind: string) => Format,
  source: DataSource,
  { signal, formats, tell }: ReadingParts,
): AsyncGenerator<Example> {
  const kinds: string[] = [];
  const records = readRecords(source, signal, (kind) => kinds.push(kind), tell);
  try {
    const first = await take(records, SAMPLE);
    const sample = first.flatMap(({ value, fault }) => (fault === undefined ? [value] : []));
    // Nothing was read: the core says that there is no record.
    if (first.length === 0) return;
    const faults = new FaultList(source);
    if (sample.length === 0) {
      // No record tells what format they have; what is wrong with them comes first.
      for (const { where, fault } of first) faults.add(where, fault ?? '');
      for await (const { where, fault } of records) if (fault !== undefined) faults.add(where, fault);
      faults.throwIfAny(displayPath(source.path ?? ''));
      return;
    }
    const format = choose(sample, kinds[0]);
    const { examplesOf } = format.reading(sample, source);
    const read = function* ({ value, where, fault }: RawRecord) {
      const examples = fault ?? examplesOf(value);
      if (typeof examples === 'string') faults.add(where, examples);
      else yield* examples;
    };
    if (sample.length > 0 && sample.every((record) => typeof examplesOf(record) === 'string'))
      refuseOther(format, source, sample, formats);
    for (const record of first) yield* read(record);
    for await (const record of records) yield* read(record);
    faults.throwIfAny(displayPath(source.path ?? ''));
  } finally {
    await records.return(undefined);
  }
}

/** The next items of a stream that goes on. */
async function take<T>(items: AsyncGenerator<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  while (taken.length < count) {
    const { value, done } = await items.next();
    if (done) break;
    taken.push(value);
  }
  return taken;
}

/** Says of the whole file what all of its first records show. */
function refuseOther(
  format: Format,
  { name, columns }: DataSource,
  sample: readonly unknown[],
  formats: readonly Format[],
): void {
  const others = lookAlike(sample, formats).filter((other) => other.format !== format && !other.doubt);
  if (others.length === 0 || columns) return;
  const [{ format: other, told }] = others;
  const count = sample.length === 1 ? 'its first record is' : `its first ${sample.length} records are`;
  const message = `${name}: ${count} not of the format ${format.name} (${format.about}); they look like ${other.about} (${told})`;
  throw new EvolveError('DATA_FILE', message, `Say in the source: format: ${other.name}`);
}
