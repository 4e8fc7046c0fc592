/**
 * The table of contents of a zip archive, zip64 included: where each entry's bytes lie. Nothing is unpacked, so that
 * stored entries can be mapped from the file. Format: PKWARE's APPNOTE.TXT 6.3, sections 4.3 and 4.5.3.
 */

import { invalid, type TensorFile } from '../tensor-file.js';

export interface ZipEntry {
  /** The entry's bytes as they are kept; 0 is "stored", without compression. */
  readonly method: number;
  readonly size: number;
  /** Of the entry's own header, which its bytes follow. */
  readonly headerAt: number;
}

const END = { signature: 0x06054b50, bytes: 22, maxComment: 0xffff };
const END64_LOCATOR = { signature: 0x07064b50, bytes: 20 };
const END64 = { signature: 0x06064b50, bytes: 56 };
const CENTRAL = { signature: 0x02014b50, bytes: 46 };
const LOCAL = { signature: 0x04034b50, bytes: 30 };
/** What a 32-bit field holds whose value stands in the zip64 record. */
const ELSEWHERE = 0xffffffff;
const ZIP64_EXTRA = 1;

/** The entries by name. @throws EvolveError where the file is no whole zip archive */
export async function readZip(file: TensorFile): Promise<Map<string, ZipEntry>> {
  const { start, length } = await findDirectory(file);
  if (start + length > file.size) throw invalid(file.path, 'its table of contents lies outside of the file');
  const bytes = await file.read(start, length);
  const entries = new Map<string, ZipEntry>();
  for (let at = 0; at < length; ) {
    if (at + CENTRAL.bytes > length || bytes.readUInt32LE(at) !== CENTRAL.signature)
      throw invalid(file.path, `its table of contents is damaged at byte ${start + at}`);
    const nameEnd = at + CENTRAL.bytes + bytes.readUInt16LE(at + 28);
    const extraEnd = nameEnd + bytes.readUInt16LE(at + 30);
    const next = extraEnd + bytes.readUInt16LE(at + 32);
    if (next > length) throw invalid(file.path, `its table of contents is damaged at byte ${start + at}`);
    const name = bytes.toString('utf8', at + CENTRAL.bytes, nameEnd);
    if (entries.has(name)) throw invalid(file.path, `holds the entry "${name}" twice`);
    const wide = zip64Fields(bytes.subarray(nameEnd, extraEnd));
    const field = (offset: number) => {
      const value = bytes.readUInt32LE(at + offset);
      return value === ELSEWHERE ? (wide.shift() ?? value) : value;
    };
    // In the order in which the zip64 record has those that it has.
    const size = field(24);
    field(20);
    entries.set(name, { method: bytes.readUInt16LE(at + 10), size, headerAt: field(42) });
    at = next;
  }
  return entries;
}

/** Where the bytes of a stored entry begin. */
export async function startOf(file: TensorFile, entry: ZipEntry): Promise<number> {
  const header = await file.read(entry.headerAt, LOCAL.bytes);
  if (header.readUInt32LE(0) !== LOCAL.signature)
    throw invalid(file.path, `holds no entry at byte ${entry.headerAt}, where its table of contents has one`);
  return entry.headerAt + LOCAL.bytes + header.readUInt16LE(26) + header.readUInt16LE(28);
}

async function findDirectory(file: TensorFile): Promise<{ start: number; length: number }> {
  const tailStart = Math.max(0, file.size - END.bytes - END.maxComment - END64_LOCATOR.bytes);
  const tail = await file.read(tailStart, file.size - tailStart);
  let end = tail.length - END.bytes;
  const isEnd = (at: number) =>
    tail.readUInt32LE(at) === END.signature && at + END.bytes + tail.readUInt16LE(at + 20) === tail.length;
  while (end >= 0 && !isEnd(end)) end--;
  if (end < 0)
    throw invalid(file.path, 'is cut off: a zip archive ends with a table of contents, and none is there');
  const locator = end - END64_LOCATOR.bytes;
  if (locator >= 0 && tail.readUInt32LE(locator) === END64_LOCATOR.signature) {
    const record = await file.read(Number(tail.readBigUInt64LE(locator + 8)), END64.bytes);
    if (record.readUInt32LE(0) !== END64.signature) throw invalid(file.path, 'its zip64 record is damaged');
    return { start: Number(record.readBigUInt64LE(48)), length: Number(record.readBigUInt64LE(40)) };
  }
  return { start: tail.readUInt32LE(end + 16), length: tail.readUInt32LE(end + 12) };
}

/** The 64-bit values of an entry's zip64 record, if it has one. */
function zip64Fields(extra: Buffer): number[] {
  for (let at = 0; at + 4 <= extra.length; ) {
    const length = extra.readUInt16LE(at + 2);
    const fields = extra.subarray(at + 4, at + 4 + length);
    if (extra.readUInt16LE(at) === ZIP64_EXTRA) {
      return Array.from({ length: Math.floor(Math.min(fields.length, 24) / 8) }, (_, i) =>
        Number(fields.readBigUInt64LE(8 * i)),
      );
    }
    at += 4 + length;
  }
  return [];
}
