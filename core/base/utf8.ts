import { isUtf8 } from 'node:buffer';

/** What to do with text in another encoding. */
export const UTF8_ADVICE =
  'Convert it, for example with `iconv -f GBK -t UTF-8 OLD > NEW` (LATIN1 for most European texts), or correct the byte.';

/**
 * Says where bytes stop being UTF-8: `line 3: byte 0xe9 after "caf" is no UTF-8`. Undefined if they are UTF-8. Decoding
 * alone would make a replacement character of such a byte, and a model would be trained on it.
 */
export function utf8Fault(bytes: Uint8Array, firstLine = 1): string | undefined {
  const at = utf8End(bytes);
  if (at === undefined) return undefined;
  const whole = bytes.subarray(0, at);
  const before = Buffer.from(whole.subarray(whole.lastIndexOf(10) + 1))
    .toString('utf8')
    .slice(-20);
  const line = firstLine + whole.reduce((count, byte) => count + (byte === 10 ? 1 : 0), 0);
  const where = before === '' ? 'at the beginning' : `after ${JSON.stringify(before)}`;
  return `line ${line}: byte 0x${bytes[at].toString(16).padStart(2, '0')} ${where} is no UTF-8`;
}

/** How many bytes are UTF-8, up to the first that is none; undefined if all are. */
export function utf8End(bytes: Uint8Array): number | undefined {
  if (isUtf8(bytes)) return undefined;
  let start = 0;
  for (let end = bytes.indexOf(10); end >= 0 && isUtf8(bytes.subarray(start, end)); ) {
    start = end + 1;
    end = bytes.indexOf(10, start);
  }
  let at = start;
  for (let size = sizeOf(bytes[at]); isUtf8(bytes.subarray(at, at + size)); size = sizeOf(bytes[at]))
    at += size;
  return at;
}

/** How many bytes the character has that begins with this byte. */
function sizeOf(first: number): number {
  if (first < 0x80) return 1;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}
