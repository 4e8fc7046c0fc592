/** The records of a data file, whatever the file is: its content tells, not its name. */

import { type DataSource, filesOf } from '../../../core/index.js';
import type { RawRecord } from './raw-record.js';
import { nameOf, peek, readBytes } from './readers/bytes.js';
import { readJson } from './readers/json.js';
import { openText } from './readers/open-text.js';
import { readParquet } from './readers/parquet.js';
import { dialectOf, readTable } from './readers/tables.js';
import { readText } from './readers/text.js';

/** Where records are: of a source, what says how its files are read. */
export type RecordSource = Pick<DataSource, 'path' | 'encoding' | 'split'>;

/**
 * The records of a file, a folder, a wild-card or standard input: JSON (an array, a value a line, or values one behind the
 * other), CSV, TSV, Parquet or plain text, also packed with gzip or zstd. They are read piece by piece.
 *
 * @param signal of the run: ends the waiting for a pipe
 * @param opened is told the kind of each file
 * @throws EvolveError DATA_FILE if a file is of another kind, in another encoding, or damaged. A record that is faulty by
 * itself is told in its `fault`
 */
export async function* readRecords(
  source: RecordSource,
  signal?: AbortSignal,
  opened: (kind: string) => void = () => {},
): AsyncGenerator<RawRecord> {
  if (source.path === undefined) throw new TypeError('readRecords: the source has no path');
  const files = await filesOf(source.path);
  for (const file of files) {
    const { kind, records } = await openContainer(file, source, signal);
    opened(kind);
    for await (const record of records)
      yield files.length === 1 ? record : { ...record, where: `${nameOf(file)}, ${record.where}` };
  }
}

/** How a file is written, and what is in it. */
interface Container {
  /** `JSON`, `CSV in gzip`, `TSV in gb18030`. */
  readonly kind: string;
  readonly records: AsyncIterable<RawRecord>;
}

/** Looks at one file. Its records can be read once. */
async function openContainer(
  file: string,
  { encoding, split }: Omit<RecordSource, 'path'>,
  signal?: AbortSignal,
): Promise<Container> {
  const name = nameOf(file);
  const stored = await peek(readBytes(file, signal));
  if (isParquet(stored.head)) {
    await stored.close();
    return { kind: 'Parquet', records: readParquet(file) };
  }
  const text = await openText(name, stored, encoding);
  const kindOf = (kind: string) => [kind, ...text.was].join(' in ');
  if (looksLikeJson(text.head)) return { kind: kindOf('JSON'), records: readJson(name, text, split) };
  const dialect = await dialectOf(text.head);
  if (!dialect) return { kind: kindOf('plain text'), records: readText(name, text.bytes) };
  const kind = dialect.delimiter === '\t' ? 'TSV' : 'CSV';
  return { kind: kindOf(kind), records: readTable(name, text, dialect) };
}

function isParquet(head: Buffer): boolean {
  return head.subarray(0, 4).toString('latin1') === 'PAR1';
}

/** Also where a comment, or a line that is broken, comes first. */
function looksLikeJson(head: Buffer): boolean {
  const text = head.toString('utf8').replace(/^\ufeff/, '');
  const lines = text.trimStart().split('\n', 5);
  return /^[[{]/.test(lines[0]) || lines.some((line) => /^\s*\{\s*["']/.test(line));
}
