/** Bytes cut into lines, at byte 10 and at no other character: U+2028 is text. */

import { constants, isUtf8 } from 'node:buffer';
import { EvolveError, utf8End, utf8Fault } from '../../../../core/index.js';
import type { Bytes } from './bytes.js';
import { encodingAdvice } from './encoding.js';

export interface Line {
  /** Without line break, carriage return and byte order mark. */
  readonly bytes: Buffer;
  /** From 1; empty lines count. */
  readonly number: number;
  /** Where it begins in the file, from 1. */
  readonly byte: number;
}

const NEWLINE = 10;

/** The place of a record for messages; all count from 1. */
export function placeOf(record: number, line: number, byte: number): string {
  return `record ${record}, line ${line}, byte ${byte}`;
}

/** The lines that are not blank. */
export async function* splitLines(bytes: Bytes): AsyncGenerator<Line> {
  let begun: Buffer[] = [];
  let [number, byte] = [0, 1];
  const lineOf = (whole: Buffer): Line => {
    const line = { bytes: trimmed(whole), number: ++number, byte };
    byte += whole.length + 1;
    return line;
  };
  for await (const chunk of bytes) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const piece = chunk.subarray(start, end);
      const line = lineOf(begun.length === 0 ? piece : Buffer.concat([...begun, piece]));
      if (!isBlank(line.bytes)) yield line;
      begun = [];
      start = end + 1;
    }
    if (start < chunk.length) begun.push(chunk.subarray(start));
  }
  const last = lineOf(Buffer.concat(begun));
  if (!isBlank(last.bytes)) yield last;
}

function trimmed(line: Buffer): Buffer {
  const start = line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf ? 3 : 0;
  return line.subarray(start, line[line.length - 1] === 13 ? -1 : undefined);
}

function isBlank(line: Buffer): boolean {
  return line.every((byte) => byte === 0x20 || byte === 9 || byte === 13);
}

/**
 * The text of bytes of a file.
 *
 * @throws EvolveError DATA_FILE with the place of what is no UTF-8, or longer than a text can be
 */
export function utf8Of(name: string, { bytes, number, byte }: Line): string {
  if (bytes.length > constants.MAX_STRING_LENGTH) {
    const most = constants.MAX_STRING_LENGTH.toLocaleString('en-US');
    throw new EvolveError('DATA_FILE', `${name}, line ${number}: is longer than ${most} bytes`, 'Part it.');
  }
  if (isUtf8(bytes)) return bytes.toString('utf8');
  const message = `${name}, byte ${byte + (utf8End(bytes) ?? 0)}, ${utf8Fault(bytes, number)}`;
  throw new EvolveError('DATA_FILE', message, `As far as one can tell, ${encodingAdvice(bytes)}.`);
}
