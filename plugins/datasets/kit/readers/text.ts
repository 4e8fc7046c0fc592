/** Plain text: a file is one text, or several where it is long. */

import type { RawRecord } from '../raw-record.js';
import type { Bytes } from './bytes.js';
import { placeOf, splitLines, utf8Of } from './lines.js';

/** A longer text is parted at the end of a line, so that it never has to be in memory as a whole. */
const MOST_CHARACTERS = 2 ** 18;

/** Texts, with their line breaks. */
export async function* readText(name: string, bytes: Bytes): AsyncGenerator<RawRecord> {
  let lines: string[] = [];
  let [size, number, last] = [0, 0, 0];
  let start = { line: 1, byte: 1 };
  const taken = (): RawRecord => {
    const record = { value: lines.join('\n'), where: placeOf(++number, start.line, start.byte) };
    lines = [];
    size = 0;
    return record;
  };
  for await (const line of splitLines(bytes)) {
    if (size > MOST_CHARACTERS) yield taken();
    if (lines.length === 0) start = { line: line.number, byte: line.byte };
    // Blank lines are left out by who splits.
    else for (let blank = last + 1; blank < line.number; blank++) lines.push('');
    const text = utf8Of(name, line);
    lines.push(text);
    size += text.length;
    last = line.number;
  }
  if (lines.length > 0) yield taken();
}
