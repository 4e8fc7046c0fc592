/**
 * The framing of TensorBoard's event files, TensorFlow's TFRecord: the length of a record, a checksum of the length, the record,
 * a checksum of the record. Numbers are little-endian.
 */

/** The reversed polynomial of CRC-32C (Castagnoli). */
const POLYNOMIAL = 0x82f63b78;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ POLYNOMIAL : rest >>> 1;
  return rest;
});

function crc32c(bytes: Uint8Array): number {
  let rest = 0xffffffff;
  for (const byte of bytes) rest = TABLE[(rest ^ byte) & 0xff] ^ (rest >>> 8);
  return ~rest >>> 0;
}

/** As TFRecord stores a checksum: turned and shifted, because the checksum of what holds its own checksum is a poor one. */
export function maskedChecksum(bytes: Uint8Array): number {
  const sum = crc32c(bytes);
  return (((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0;
}

/** A record as it stands in the file. */
export function framed(record: Uint8Array): Uint8Array {
  const file = Buffer.alloc(16 + record.length);
  file.writeBigUInt64LE(BigInt(record.length), 0);
  file.writeUInt32LE(maskedChecksum(file.subarray(0, 8)), 8);
  file.set(record, 12);
  file.writeUInt32LE(maskedChecksum(record), 12 + record.length);
  return file;
}
