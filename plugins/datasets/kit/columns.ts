/** Which of a file's columns a format reads, and the texts in them. */

import { type DataSource, EvolveError, suggest } from '../../../core/index.js';

/** A record as a mapping: an object by its keys, a list of cells by their numbers, from 1. */
export type Cells = Readonly<Record<string, unknown>>;

/** The columns of a format, each with the names that it has in files; the format's own comes first. */
export type ColumnNames = Readonly<Record<string, readonly string[]>>;

/** The columns of a format -> those of the file. Several become one text, a line each. */
export type Columns = Readonly<Record<string, readonly string[]>>;

/** The cells of a record; undefined if it is neither an object nor a list of cells. */
export function cellsOf(record: unknown): Cells | undefined {
  if (Array.isArray(record)) {
    const isRow = record.every((cell) => typeof cell === 'string');
    return isRow ? Object.fromEntries(record.map((cell, i) => [String(i + 1), cell])) : undefined;
  }
  return typeof record === 'object' && record !== null ? (record as Cells) : undefined;
}

/** All column names of some records. */
export function columnsOf(records: readonly unknown[]): Set<string> {
  return new Set(records.flatMap((record) => Object.keys(cellsOf(record) ?? {})));
}

/**
 * The columns that a source names. Where it names none: for each of the format's, the first of its names that the file has,
 * or else its own name, since later records may have it.
 *
 * @param found the columns of the file's first records
 * @param ofMessages columns of the format that are keys of messages
 * @throws EvolveError DATA_UNKNOWN if the source names a column that the format has not, or the file
 */
export function chosenColumns(
  format: string,
  names: ColumnNames,
  found: ReadonlySet<string>,
  { columns, index, name: source }: Pick<DataSource, 'columns' | 'index' | 'name'>,
  ofMessages: readonly string[] = [],
): Columns {
  const at = ['data', 'sources', index, 'columns'];
  if (!columns)
    return Object.fromEntries(
      Object.entries(names).map(([column, all]) => [column, [all.find((each) => found.has(each)) ?? all[0]]]),
    );
  const chosen = Object.entries(columns).map(
    ([column, name]) => [column, [name].flat().map(String)] as const,
  );
  for (const [column, its] of chosen) {
    if (!Object.hasOwn(names, column)) {
      const message = `${source}: the format ${format} has no column "${column}"${suggest(column, Object.keys(names))}`;
      throw new EvolveError('DATA_UNKNOWN', message, `It has ${Object.keys(names).join(', ')}.`, { at });
    }
    // A column under its own name may be in later records, and of those that are not needed in none.
    const missing = its.find((name) => name !== column && !found.has(name));
    if (found.size === 0 || ofMessages.includes(column)) continue;
    if (missing === undefined) continue;
    const message = `${source}: there is no column "${missing}" in its first records${suggest(missing, [...found])}`;
    throw new EvolveError('DATA_UNKNOWN', message, `They have ${[...found].join(', ')}.`, { at });
  }
  return Object.fromEntries(chosen);
}

/** What was taken for what, of the columns that are there. */
export function toldOf(columns: Columns, found: ReadonlySet<string>): string {
  const told = Object.entries(columns).flatMap(([column, names]) =>
    names.some((name) => found.has(name))
      ? [`${column} is ${names.map((name) => `"${name}"`).join(' and ')}`]
      : [],
  );
  return told.join(', ');
}

/** What stands in a column of a record; undefined where there is no such column. */
export function valueIn(cells: Cells, columns: Columns, column: string): unknown {
  const names = columns[column] ?? [];
  if (names.length < 2) return Object.hasOwn(cells, names[0] ?? '') ? cells[names[0]] : undefined;
  const lines = names.flatMap((name) => (isBlank(cells[name]) ? [] : [`${name}: ${String(cells[name])}`]));
  return lines.join('\n');
}

/** The text in a column. What is wrong with it is added to `faults`. */
export function textIn(
  cells: Cells,
  columns: Columns,
  column: string,
  faults: string[],
  isNeeded = false,
): string {
  const value = valueIn(cells, columns, column);
  const name = columns[column]?.join(', ') ?? column;
  if (typeof value === 'string') {
    const half = halfIn(value);
    if (half !== undefined) faults.push(`"${name}" holds half of a character (${half})`);
    return value;
  }
  const isMissing = value === undefined;
  if (isNeeded || !(isMissing || value === null))
    faults.push(
      `"${name}" ${isMissing ? `is missing${nearTo(cells, name)}` : `is no text, but ${shown(value)}`}`,
    );
  return '';
}

/** A column whose name differs in capitals and spaces alone. */
function nearTo(cells: Cells, name: string): string {
  const near = Object.keys(cells).find((key) => key.trim().toLowerCase() === name.toLowerCase());
  return near === undefined
    ? ''
    : ` (there is ${JSON.stringify(near)}: columns: { ${name}: ${JSON.stringify(near)} })`;
}

/** Half of a character that stands alone, as an escape; no text in UTF-8 has it. */
export function halfIn(text: string): string | undefined {
  if (text.isWellFormed()) return undefined;
  const [half] = /\p{Surrogate}/u.exec(text) ?? [];
  return half && `\\u${half.charCodeAt(0).toString(16)}`;
}

export function isBlank(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === 'string' && value.trim() === '');
}

/** A value for a message. */
export function shown(value: unknown): string {
  const big = (_: string, each: unknown) => (typeof each === 'bigint' ? Number(each) : each);
  try {
    return JSON.stringify(value, big)?.slice(0, 60) ?? String(value);
  } catch (error) {
    if (error instanceof RangeError) return 'a value of thousands of levels';
    throw error;
  }
}
