import { createReadStream } from 'node:fs';
import { displayPath, EvolveError, UTF8_ADVICE, utf8Fault } from '../../../core/index.js';
import { readHead } from './data-file.js';

const NEWLINE = 10;

/** The lines of a UTF-8 file that are not empty. A line ends at byte 10, and at no other character. */
export async function* readLines(file: string): AsyncGenerator<{ text: string; where: string }> {
  await readHead(file);
  let number = 0;
  for await (const bytes of splitLines(createReadStream(file, { highWaterMark: 2 ** 18 }))) {
    number++;
    const line = decodeUtf8(bytes, file, number);
    const text = (number === 1 ? line.replace(/^\uFEFF/, '') : line).replace(/\r$/, '');
    if (text.trim() !== '') yield { text, where: `line ${number}` };
  }
}

async function* splitLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let begun: Buffer[] = [];
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const piece = chunk.subarray(start, end);
      yield begun.length === 0 ? piece : Buffer.concat([...begun, piece]);
      begun = [];
      start = end + 1;
    }
    if (start < chunk.length) begun.push(chunk.subarray(start));
  }
  if (begun.length > 0) yield Buffer.concat(begun);
}

/**
 * The text of bytes of a file.
 *
 * @param line the line at which they begin
 * @throws EvolveError DATA_FILE with the place of what is no UTF-8
 */
export function decodeUtf8(bytes: Buffer, file: string, line = 1): string {
  const fault = utf8Fault(bytes, line);
  if (fault) throw new EvolveError('DATA_FILE', `${displayPath(file)}, ${fault}`, UTF8_ADVICE);
  return bytes.toString('utf8');
}
