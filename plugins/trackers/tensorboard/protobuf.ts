/** Messages in the wire format of protocol buffers, as far as TensorBoard's events need it. */

type Bytes = Uint8Array;

const VARINT = 0;
const EIGHT_BYTES = 1;
const LENGTH = 2;
const FOUR_BYTES = 5;

function varint(value: number): Bytes {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Uint8Array.of(...bytes, Number(rest));
}

const key = (field: number, wireType: number) => varint((field << 3) | wireType);

/** A whole number from 0. */
export function integer(field: number, value: number): Bytes {
  return message(key(field, VARINT), varint(value));
}

export function double(field: number, value: number): Bytes {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return message(key(field, EIGHT_BYTES), bytes);
}

/** Beyond the range of float32 it is infinite, as a cast in C has it. */
export function float(field: number, value: number): Bytes {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return message(key(field, FOUR_BYTES), bytes);
}

/** A text, in UTF-8, or a message. */
export function bytes(field: number, value: string | Bytes): Bytes {
  const content = Buffer.from(value);
  return message(key(field, LENGTH), varint(content.length), content);
}

/** A message of these fields. */
export function message(...fields: readonly Bytes[]): Bytes {
  return Buffer.concat(fields);
}
