/** The records of JSON: arrays, a value a line, or values one behind the other. */

import { constants, isUtf8 } from 'node:buffer';
import { EvolveError, messageOf, utf8Fault } from '../../../../core/index.js';
import type { RawRecord } from '../raw-record.js';
import type { Bytes, Peeked } from './bytes.js';
import { encodingAdvice } from './encoding.js';
import { type JsonPiece, JsonScanner, listsIn } from './json-scanner.js';
import { placeOf, splitLines } from './lines.js';

/** Under which keys an object holds all records of a file. */
const WRAPPERS: readonly string[] = [
  ...['data', 'dataset', 'examples', 'items', 'records', 'results', 'rows', 'samples'],
  ...['train', 'validation', 'valid', 'dev', 'test'],
];

/** @param split which of several lists of an object holds the records */
export async function* readJson(
  name: string,
  { head, bytes }: Peeked,
  split: string | undefined,
): AsyncGenerator<RawRecord> {
  let number = 0;
  for await (const piece of hasLines(head) ? piecesOfLines(bytes) : piecesOf(name, bytes)) {
    const inner = number === 0 ? wrapped(name, piece, split) : undefined;
    for (const one of inner ?? [piece]) {
      // A fault around records is none of theirs.
      if (one.bytes.length > 0) number++;
      yield recordOf(one, number);
    }
  }
}

/** A value a line: then a fault in one line is none of the next. */
function hasLines(head: Buffer): boolean {
  const text = head.toString('latin1').replace(/^\s*(\xef\xbb\xbf)?\s*/, '');
  if (text.startsWith('[')) return false;
  if (!text.startsWith('{')) return true;
  const [line] = text.split('\n', 1);
  const [first] = new JsonScanner().push(head);
  const rest = line.trimEnd().length - (first?.bytes.length ?? Number.POSITIVE_INFINITY);
  if (rest >= 0) return rest === 0;
  // The first value goes on behind the line break, or is broken there.
  const [last, next] = [line.trimEnd().slice(-1), text.slice(line.length).trimStart().slice(0, 1)];
  if (next === '{') return !'[:,'.includes(last);
  return next === '' || !('{[,:'.includes(last) || '}],:'.includes(next));
}

async function* piecesOf(name: string, bytes: Bytes): AsyncGenerator<JsonPiece> {
  const scanner = new JsonScanner();
  for await (const chunk of bytes) {
    yield* scanner.push(chunk);
    if (scanner.held <= LONGEST) continue;
    const message = `${name}: the record or value that goes on at line ${scanner.line} ${TOO_LONG}`;
    throw new EvolveError('DATA_FILE', message, 'Is a bracket or a quote missing? Write shorter records.');
  }
  yield* scanner.end();
}

async function* piecesOfLines(bytes: Bytes): AsyncGenerator<JsonPiece> {
  for await (const line of splitLines(bytes)) {
    const place = { line: line.number, byte: line.byte };
    if (parse(line.bytes).fault === undefined) {
      yield { bytes: line.bytes, ...place };
      continue;
    }
    const scanner = new JsonScanner(place);
    const pieces = [...scanner.push(line.bytes), ...scanner.end()];
    const isSeveral = pieces.length > 1 && pieces.every((piece) => parse(piece.bytes).fault === undefined);
    if (isSeveral) yield* pieces;
    else yield { bytes: line.bytes, ...place };
  }
}

/** The records of a file that is one object around them; undefined if this is none. */
function wrapped(name: string, { bytes, line, byte }: JsonPiece, split?: string): JsonPiece[] | undefined {
  if (bytes[0] !== 0x7b) return undefined;
  const keys = split === undefined ? WRAPPERS : [split];
  const { value } = parse(bytes);
  if (holdsColumns(value)) {
    const advice = "Write records: in pandas to_json(…, orient='records', lines=True).";
    throw new EvolveError('DATA_FILE', `${name}: is one object that holds columns, and no records`, advice);
  }
  const lists = [...listsIn(bytes)].filter(([key]) => {
    const list = (value as Record<string, unknown> | undefined)?.[key];
    const [first] = Array.isArray(list) ? list : [];
    return keys.includes(key) && typeof first === 'object' && first !== null && !Array.isArray(first);
  });
  if (lists.length === 0) return undefined;
  if (lists.length > 1) {
    const names = lists.map(([key]) => key);
    const message = `${name}: has several lists of records: ${names.join(', ')}`;
    throw new EvolveError('DATA_FILE', message, `Say in the source which: split: ${names[0]}`);
  }
  const [[, at]] = lists;
  const before = bytes.subarray(0, at).toString('latin1').split('\n').length - 1;
  const scanner = new JsonScanner({ line: line + before, byte: byte + at });
  return scanner.push(arrayAt(bytes, at));
}

/**
 * `{ column: [cell, …], … }` or `{ column: { "0": cell, … }, … }`, as pandas writes a table. Lists of numbers alone may be a
 * record in tokens.
 */
function holdsColumns(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const columns = Object.values(value);
  if (columns.length < 2) return false;
  const isList = (column: unknown) =>
    Array.isArray(column) && column.every((cell) => typeof cell !== 'object');
  const isIndexed = (column: unknown) =>
    typeof column === 'object' && column !== null && !Array.isArray(column) && '0' in column;
  const isColumn = columns.every(isList) ? isList : isIndexed;
  if (isColumn === isList && columns.flat().every((cell) => typeof cell === 'number')) return false;
  const [first] = columns;
  return columns.every(
    (column) => isColumn(column) && Object.keys(column).length === Object.keys(first).length,
  );
}

/** The array that begins there. */
function arrayAt(bytes: Buffer, at: number): Buffer {
  const scanner = new JsonScanner();
  // Within an array it is one value.
  const [array] = scanner.push(Buffer.concat([Buffer.from('['), bytes.subarray(at)]));
  return array.bytes;
}

function recordOf({ bytes, line, byte, fault }: JsonPiece, number: number): RawRecord {
  const where = bytes.length > 0 ? placeOf(number, line, byte) : `line ${line}, byte ${byte}`;
  if (fault !== undefined) return { value: undefined, where, fault };
  return { where, ...parse(bytes) };
}

/** In bytes: no text of JavaScript is longer in characters. */
const LONGEST = constants.MAX_STRING_LENGTH;
const TOO_LONG = `is longer than ${LONGEST.toLocaleString('en-US')} bytes, the most that one record may have`;

function parse(bytes: Buffer): Pick<RawRecord, 'value' | 'fault'> {
  if (!isUtf8(bytes)) {
    const fault = utf8Fault(bytes)?.replace(/^line \d+: /, '');
    return { value: undefined, fault: `${fault} (${encodingAdvice(bytes)})` };
  }
  if (bytes.length > LONGEST) return { value: undefined, fault: TOO_LONG };
  const text = bytes.toString('utf8');
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    const python = /^\s*\{\s*'/.test(text) ? ' (it has the quotes of Python: json.dump writes JSON)' : '';
    const fault = `is no JSON: ${messageOf(error)}${python}`;
    if (!/NaN|Infinity/.test(text)) return { value: undefined, fault };
    try {
      return { value: JSON.parse(withoutNaN(text)) };
    } catch {
      return { value: undefined, fault };
    }
  }
}

/** Python writes NaN and Infinity for numbers that JSON does not have; they are no text in any case. */
function withoutNaN(text: string): string {
  const parts: string[] = [];
  for (let at = 0; at < text.length; ) {
    const quote = text.indexOf('"', at);
    const open = quote < 0 ? text.length : quote;
    parts.push(text.slice(at, open).replace(/(?<![\w-])(NaN|-?Infinity)(?!\w)/g, 'null'));
    at = endOfString(text, open);
    parts.push(text.slice(open, at));
  }
  return parts.join('');
}

/** Behind the string that begins there. */
function endOfString(text: string, open: number): number {
  for (let at = open + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at + 1;
  }
  return text.length;
}
