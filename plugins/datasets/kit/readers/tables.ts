/** The rows of tables: CSV, and TSV with or without quotes. */

import { isUtf8 } from 'node:buffer';
import { pipeline, Readable } from 'node:stream';
import { EvolveError, messageOf, utf8End, utf8Fault } from '../../../../core/index.js';
import type { RawRecord } from '../raw-record.js';
import { type Bytes, HEAD_BYTES, type Peeked } from './bytes.js';
import { encodingAdvice } from './encoding.js';
import { placeOf, splitLines, utf8Of } from './lines.js';

/** How a table is written. */
export interface Dialect {
  readonly delimiter: string;
  /** Cells may stand in quotes, and then hold the delimiter and line breaks. */
  readonly isQuoted: boolean;
}

/** So many rows tell how the rest is written. */
const LOOKED_AT = 100;

/** How a text is written if it is a table; undefined if it is none. */
export async function dialectOf(head: Buffer): Promise<Dialect | undefined> {
  const text = head.toString('utf8').replace(/^\ufeff/, '');
  // The last line may be cut.
  const end = head.length < HEAD_BYTES ? text.length : text.lastIndexOf('\n');
  const sample = text.slice(0, end);
  const lines = sample.split(/\r?\n/).filter((line) => line.trim() !== '');
  const plain = lines.slice(0, LOOKED_AT).map((line) => line.split('\t'));
  const width = widthOf(plain);
  const plainTabs = { delimiter: '\t', isQuoted: false };
  // FLAN's TSV has no quotes: those that begin a cell are text. They are not, where a cell between them holds a tab or quotes.
  if (width !== undefined && !/(^|\t)"/m.test(sample)) return plainTabs;
  for (const delimiter of ['\t', ',', ';', '|']) {
    if (!sample.includes(delimiter)) continue;
    const quoted = widthOf(await quotedRowsOf(sample, delimiter), COLUMNS);
    const isSure = width !== quoted || /(^|\t)"[^\t\n]*""[^\t\n]*"(\t|\r?$)/m.test(sample);
    if (quoted !== undefined && (delimiter !== '\t' || isSure)) return { delimiter, isQuoted: true };
    if (width !== undefined) return plainTabs;
  }
  const tabbed = plain.filter((row) => row.length > 1).length;
  return tabbed > 0 && tabbed >= plain.length / 2 ? plainTabs : undefined;
}

/**
 * How many cells the rows of a table have; undefined where these are none.
 *
 * @param known below a header with one of these names most rows are enough
 */
function widthOf(rows: readonly (readonly string[])[], known?: RegExp): number | undefined {
  const [first = []] = rows;
  const same = rows.filter((row) => row.length === first.length).length;
  const isKnown = known && first.some((cell) => known.test(cell.trim()));
  return first.length > 1 && same >= (isKnown ? rows.length / 2 : rows.length) ? first.length : undefined;
}

/** The first rows, read with quotes; none where the quotes are others. */
async function quotedRowsOf(sample: string, delimiter: string): Promise<string[][]> {
  const { parse } = await import('csv-parse/sync');
  const options = { delimiter, relax_column_count: true, skip_empty_lines: true, to: LOOKED_AT };
  try {
    return parse(sample, options);
  } catch {
    return [];
  }
}

/** Columns by whose names a first row is known as a header, whatever else it holds. */
const COLUMNS =
  /^(instruction|input|output|question|query|answer|response|rationale|explanation|prompt|completion|text|content|target|label|title|ask|system|history|chosen|rejected|messages|conversations?|id)$/i;

/** A first row that names columns: words that differ, of which one is the name of what is trained on, or all in CSV. */
function isHeader(cells: readonly string[], delimiter: string): boolean {
  const isNamed = cells.every((cell) => /^[\p{L}_][\p{L}\p{N}_ ./()-]{0,39}$/u.test(cell.trim()));
  const differ = new Set(cells.map((cell) => cell.trim())).size === cells.length;
  return isNamed && differ && (delimiter !== '\t' || cells.some((cell) => COLUMNS.test(cell.trim())));
}

interface Row {
  readonly cells: readonly string[];
  readonly line: number;
  readonly byte: number;
  readonly fault?: string;
}

/** Rows as objects where the first one names the columns, else as lists. */
export async function* readTable(
  name: string,
  { bytes }: Peeked,
  dialect: Dialect,
): AsyncGenerator<RawRecord> {
  let header: readonly string[] | undefined;
  let [number, isFirst] = [0, true];
  for await (const { cells, line, byte, fault } of dialect.isQuoted
    ? quotedRows(name, bytes, dialect.delimiter)
    : plainRows(name, bytes, dialect.delimiter)) {
    if (isFirst && fault === undefined && isHeader(cells, dialect.delimiter)) {
      header = cells.map((cell) => cell.trim());
      isFirst = false;
      continue;
    }
    isFirst = false;
    const where = placeOf(++number, line, byte);
    const wrong = fault ?? widthFault(cells, header);
    if (wrong !== undefined) yield { value: undefined, where, fault: wrong };
    else yield { value: header ? Object.fromEntries(header.map((key, i) => [key, cells[i]])) : cells, where };
  }
}

function widthFault(cells: readonly string[], header: readonly string[] | undefined): string | undefined {
  if (!header || cells.length === header.length) return undefined;
  return `has ${cells.length} cells, but the header has ${header.length}: ${header.join(', ')}`;
}

async function* plainRows(name: string, bytes: Bytes, delimiter: string): AsyncGenerator<Row> {
  for await (const line of splitLines(bytes)) {
    const cells = utf8Of(name, line).split(delimiter);
    yield { cells, line: line.number, byte: line.byte };
  }
}

async function* quotedRows(name: string, bytes: Bytes, delimiter: string): AsyncGenerator<Row> {
  const { parse } = await import('csv-parse');
  const skipped: Row[] = [];
  let [line, byte] = [1, 1];
  const parser = parse({
    delimiter,
    bom: true,
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    on_skip: (error) => {
      skipped.push({ cells: [], line, byte, fault: `is no row: ${messageOf(error)}` });
    },
  });
  pipeline(Readable.from(inWholeUtf8(name, bytes)), parser, () => {});
  for await (const { record, info } of parser) {
    yield* skipped.splice(0);
    yield { cells: record as string[], line, byte };
    line = info.lines + 1;
    byte = info.bytes + 1;
  }
  yield* skipped;
}

/** The same bytes. @throws EvolveError DATA_FILE where they are no UTF-8 */
async function* inWholeUtf8(name: string, bytes: Bytes): AsyncGenerator<Buffer> {
  let [line, byte] = [1, 1];
  for await (const chunk of wholeLines(bytes)) {
    if (!isUtf8(chunk)) {
      const message = `${name}, byte ${byte + (utf8End(chunk) ?? 0)}, ${utf8Fault(chunk, line)}`;
      throw new EvolveError('DATA_FILE', message, `As far as one can tell, ${encodingAdvice(chunk)}.`);
    }
    yield chunk;
    byte += chunk.length;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, end + 1)) line++;
  }
}

/** In pieces that end with a line: none ends within a character. */
async function* wholeLines(bytes: Bytes): AsyncGenerator<Buffer> {
  let begun: Buffer[] = [];
  for await (const chunk of bytes) {
    const end = chunk.lastIndexOf(10) + 1;
    if (end > 0) yield Buffer.concat([...begun, chunk.subarray(0, end)]);
    begun = end > 0 ? [chunk.subarray(end)] : [...begun, chunk];
  }
  yield Buffer.concat(begun);
}
