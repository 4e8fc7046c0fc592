/** Text of other encodings as UTF-8, and which encoding bytes have that are none. */

import { isUtf8 } from 'node:buffer';
import { EvolveError } from '../../../../core/index.js';
import { type Bytes, type Peeked, peek } from './bytes.js';

/** So many bytes are decoded at a time. Where a line break stands before a fault, its very place is known, else this closely. */
const SLICE_BYTES = 4096;

/**
 * The same text in UTF-8, and the encoding that it had. UTF-16 is known by its mark.
 *
 * @param name of the file, for errors
 * @param encoding a name that TextDecoder knows; UTF-8 where nothing is given
 * @throws EvolveError DATA_FILE if there is no such encoding, or the text has another
 */
export async function inUtf8(
  name: string,
  peeked: Peeked,
  encoding: string | undefined,
): Promise<Peeked & { readonly encoding: string }> {
  const { head } = peeked;
  const marked = head[0] === 0xff && head[1] === 0xfe ? 'utf-16le' : 'utf-16be';
  const isMarked = marked === 'utf-16le' || (head[0] === 0xfe && head[1] === 0xff);
  const decoder = decoderOf(name, isMarked ? marked : (encoding ?? 'utf-8'));
  if (decoder.encoding !== 'utf-8') {
    refuseUtf8(name, head, decoder.encoding);
    return { ...(await peek(decoded(name, peeked.bytes, decoder))), encoding: decoder.encoding };
  }
  // In JSON and English every second byte of UTF-16 is 0.
  const zero = head.length >= 4 ? [0, 1].find((odd) => head[odd] === 0 && head[odd + 2] === 0) : undefined;
  if (zero === undefined) return { ...peeked, encoding: 'utf-8' };
  const advice = `Say so in the source: encoding: ${zero === 0 ? 'utf-16be' : 'utf-16le'}`;
  throw new EvolveError('DATA_FILE', `${name}: is text in UTF-16 without its mark`, advice);
}

function decoderOf(name: string, encoding: string): TextDecoder {
  try {
    return new TextDecoder(encoding, { fatal: true });
  } catch (cause) {
    const message = `${name}: there is no encoding "${encoding}"`;
    const advice =
      'There are utf-8, utf-16le, utf-16be, gb18030, big5, shift_jis, euc-jp, euc-kr, windows-1252, windows-1251, iso-8859-2 and the others that web pages have.';
    throw new EvolveError('DATA_FILE', message, advice, { cause });
  }
}

/** Text in UTF-8 reads as something in most other encodings, and would be trained on as that. */
function refuseUtf8(name: string, head: Buffer, encoding: string): void {
  const whole = head.subarray(0, head.lastIndexOf(10) + 1 || head.length);
  if (encoding.startsWith('utf-16') || !isUtf8(whole) || whole.every((byte) => byte < 0x80)) return;
  throw new EvolveError(
    'DATA_FILE',
    `${name}: is UTF-8, but the source has encoding: ${encoding}`,
    'Leave encoding out.',
  );
}

async function* decoded(name: string, bytes: Bytes, decoder: TextDecoder): AsyncGenerator<Buffer> {
  let [byte, line] = [1, 1];
  for await (const chunk of bytes) {
    const texts: string[] = [];
    for (let start = 0; start < chunk.length; start += SLICE_BYTES) {
      const slice = chunk.subarray(start, start + SLICE_BYTES);
      try {
        texts.push(decoder.decode(slice, { stream: true }));
      } catch (cause) {
        const before = faultIn(chunk, start, decoder.encoding);
        const where =
          before === undefined
            ? `line ${line} or soon after, from byte ${byte} on`
            : `line ${line + linesIn(chunk.subarray(start, before))}, byte ${byte + before - start}`;
        const message = `${name}, ${where}: is no text in ${decoder.encoding}`;
        throw new EvolveError('DATA_FILE', message, 'Correct the file, or name its encoding.', { cause });
      }
      byte += slice.length;
      line += texts[texts.length - 1].split('\n').length - 1;
    }
    yield Buffer.from(texts.join(''));
  }
  try {
    yield Buffer.from(decoder.decode());
  } catch (cause) {
    const message = `${name}, line ${line}: ends in the midst of a character of ${decoder.encoding}`;
    throw new EvolveError('DATA_FILE', message, 'The file is cut off: fetch it again.', { cause });
  }
}

/**
 * Where in a chunk the first byte stands that is no text, from `start` on. It is looked for from the line break before: no
 * character goes over one. Undefined where there is none in the chunk, and in UTF-16.
 */
function faultIn(chunk: Buffer, start: number, encoding: string): number | undefined {
  const from = start === 0 ? 0 : chunk.lastIndexOf(10, start - 1) + 1;
  if (from === 0 || encoding.startsWith('utf-16')) return undefined;
  const decoder = new TextDecoder(encoding, { fatal: true });
  // Where the character at hand begins: a fault shows at one of its later bytes.
  let character = from;
  for (let at = from; at < chunk.length; at++) {
    try {
      if (decoder.decode(chunk.subarray(at, at + 1), { stream: true }) !== '') character = at + 1;
    } catch {
      return character;
    }
  }
  return undefined;
}

function linesIn(bytes: Buffer): number {
  let lines = 0;
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, end + 1)) lines++;
  return lines;
}

/** Encodings that are tried, with the characters that texts in them are mostly made of besides ASCII. */
const LIKELY: readonly [name: string, characters: RegExp][] = [
  ['gb18030', /[\u4e00-\u9fff\u3000-\u303f\uff00-\uffef\u2010-\u203b]/g],
  ['shift_jis', /[\u3040-\u30ff\u4e00-\u9fff\u3000-\u303f\uff00-\uffef]/g],
  ['euc-kr', /[\uac00-\ud7af\u3000-\u303f]/g],
  ['big5', /[\u4e00-\u9fff\u3000-\u303f\uff00-\uffef]/g],
  ['windows-1251', /[\u0400-\u045f]/g],
  [
    'windows-1252',
    /[\u00c0-\u00d6\u00d8-\u00ef\u00f1-\u00f6\u00f8-\u00fc\u2013-\u201e\u20ac\u00a1\u00ab\u00b0\u00bb\u00bf]/g,
  ],
];

/** An encoding that reads bytes which are no UTF-8, as far as one can tell; undefined where it is UTF-8 with a fault in it. */
export function likelyEncoding(bytes: Uint8Array): string | undefined {
  const asUtf8 = Buffer.from(bytes)
    .toString('utf8')
    .replace(/[\0-\x7f]/g, '');
  const bad = asUtf8.split('\ufffd').length - 1;
  if (asUtf8.length - bad > 4 * bad) return undefined;
  // Letters of other scripts stand in words, each of several bytes; those of Latin stand alone among ASCII.
  const runs =
    Buffer.from(bytes)
      .toString('latin1')
      .match(/[\x80-\xff][\x40-\xff]?[\x80-\xff]*/g) ?? [];
  const isWords = runs.filter((run) => /[\x80-\xff]{2}/.test(run)).length > runs.length / 2;
  const found = LIKELY.filter(([name]) => isWords !== (name === 'windows-1252')).find(
    ([name, characters]) => {
      try {
        const foreign = new TextDecoder(name, { fatal: true }).decode(bytes).replace(/[\0-\x7f]/g, '');
        return (foreign.match(characters)?.length ?? 0) > 0.9 * foreign.length;
      } catch {
        return false;
      }
    },
  );
  return found?.[0];
}

/** What to do about bytes that are no UTF-8. */
export function encodingAdvice(bytes: Uint8Array): string {
  const likely = likelyEncoding(bytes);
  return likely ? `a source with encoding: ${likely} reads it` : 'a byte is damaged';
}
