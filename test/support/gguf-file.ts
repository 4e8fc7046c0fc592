import { readFileSync } from 'node:fs';

/** A GGUF file as it stands there, its tensors in fp32. */
export interface GgufFile {
  readonly metadata: Readonly<Record<string, unknown>>;
  /** The fastest dimension first, as in the file. */
  readonly tensors: Readonly<Record<string, { shape: number[]; values: Float32Array }>>;
}

/** Reads a file whose tensors are all of fp32; arrays in its metadata are read as such. */
export function readGgufFile(file: string): GgufFile {
  const bytes = readFileSync(file);
  let at = 8;
  /** The place of the next so many bytes. */
  const next = (length: number) => {
    at += length;
    return at - length;
  };
  const u32 = () => bytes.readUInt32LE(next(4));
  const u64 = () => Number(bytes.readBigUInt64LE(next(8)));
  const text = () => {
    const length = u64();
    const start = next(length);
    return bytes.toString('utf8', start, at);
  };
  const value = (type: number): unknown => {
    if (type === 4) return u32();
    if (type === 5) return bytes.readInt32LE(next(4));
    if (type === 6) return bytes.readFloatLE(next(4));
    if (type === 7) return bytes.readUInt8(next(1)) === 1;
    if (type === 8) return text();
    if (type !== 9) throw new Error(`no value of type ${type} was expected`);
    const [inner, count] = [u32(), u64()];
    return Array.from({ length: count }, () => value(inner));
  };
  const [count, keys] = [u64(), u64()];
  const metadata = Object.fromEntries(Array.from({ length: keys }, () => [text(), value(u32())]));
  const infos = Array.from({ length: count }, () => {
    const name = text();
    const shape = Array.from({ length: u32() }, u64);
    const type = u32();
    if (type !== 0) throw new Error(`${name} is of type ${type}`);
    return { name, shape, offset: u64() };
  });
  const start = Math.ceil(at / 32) * 32;
  const tensors = infos.map(({ name, shape, offset }) => {
    const from = start + offset;
    const size = shape.reduce((product, extent) => product * extent, 4);
    return [
      name,
      { shape, values: new Float32Array(Uint8Array.from(bytes.subarray(from, from + size)).buffer) },
    ];
  });
  return { metadata, tensors: Object.fromEntries(tensors) };
}
