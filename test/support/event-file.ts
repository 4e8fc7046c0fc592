/** Reads TensorBoard's event files, with checks of their framing, independently of what writes them. */

import { readFileSync } from 'node:fs';
import { expect } from 'chai';

/** CRC-32C bit by bit, as its definition has it. */
export function plainCrc32c(bytes: Uint8Array): number {
  let rest = 0xffffffff;
  for (const byte of bytes) {
    rest ^= byte;
    for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ (rest & 1 ? 0x82f63b78 : 0);
  }
  return ~rest >>> 0;
}

/** What stands in the file for a checksum: it is turned by 15 bits, and a constant is added. */
function masked(bytes: Uint8Array): number {
  const sum = BigInt(plainCrc32c(bytes));
  return Number((((sum >> 15n) | (sum << 17n)) + 0xa282ead8n) & 0xffffffffn);
}

/** The records of a file. Every checksum is held to. */
function recordsOf(file: string): Uint8Array[] {
  const bytes = readFileSync(file);
  const records: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    expect(bytes.readUInt32LE(at + 8), 'the checksum of the length').to.equal(
      masked(bytes.subarray(at, at + 8)),
    );
    const record = bytes.subarray(at + 12, at + 12 + length);
    expect(bytes.readUInt32LE(at + 12 + length), 'the checksum of the record').to.equal(masked(record));
    records.push(record);
    at += 16 + length;
  }
  return records;
}

type Field = { readonly field: number; readonly value: number | Buffer };

/** The fields of a protocol buffers message, as they stand. */
function fieldsOf(message: Uint8Array): Field[] {
  const bytes = Buffer.from(message);
  const fields: Field[] = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (length: number) => {
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const key = varint();
    const field = Math.floor(key / 8);
    const type = key % 8;
    if (type === 0) fields.push({ field, value: varint() });
    else if (type === 1) fields.push({ field, value: take(8).readDoubleLE() });
    else if (type === 5) fields.push({ field, value: take(4).readFloatLE() });
    else fields.push({ field, value: take(varint()) });
  }
  return fields;
}

const only = (message: Uint8Array, field: number) =>
  fieldsOf(message).find((candidate) => candidate.field === field)?.value;
const within = (message: Uint8Array, ...path: readonly number[]) =>
  path.reduce<number | Buffer | undefined>(
    (at, field) => (at === undefined ? undefined : only(at as Buffer, field)),
    Buffer.from(message),
  );

/** An event as TensorBoard takes it. */
export interface ReadEvent {
  readonly step: number;
  readonly version?: string;
  readonly restarts?: true;
  readonly values: Readonly<Record<string, number | string>>;
}

export function readEvents(file: string): ReadEvent[] {
  return recordsOf(file).map((record) => {
    const version = within(record, 3)?.toString();
    const summary = (within(record, 5) ?? Buffer.alloc(0)) as Buffer;
    const values = fieldsOf(summary).map(({ value }) => {
      const tag = within(value as Buffer, 1)?.toString() ?? '';
      return [tag, within(value as Buffer, 2) ?? within(value as Buffer, 8, 8)?.toString() ?? ''];
    });
    return {
      step: (within(record, 2) ?? 0) as number,
      ...(version !== undefined && { version }),
      ...(within(record, 7, 1) === 1 && { restarts: true as const }),
      values: Object.fromEntries(values),
    };
  });
}
