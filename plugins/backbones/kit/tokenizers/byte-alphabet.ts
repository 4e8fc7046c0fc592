/**
 * The alphabet of byte-level BPE as GPT-2 introduced it: each byte has a character that can be seen and is no space.
 * Bytes that are such characters in Latin-1 stand for themselves; the others follow each other from U+0100.
 */

const isVisible = (byte: number) =>
  (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad && byte <= 0xff);

/** Byte -> its character. */
export const BYTE_CHARACTERS: readonly string[] = (() => {
  let further = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isVisible(byte) ? byte : further++));
})();

const BYTES = new Map(BYTE_CHARACTERS.map((character, byte) => [character, byte]));

/** The bytes that a token stands for; one that has characters from elsewhere, an added one, is its own text. */
export function bytesOfCharacters(token: string): Uint8Array {
  const bytes = Array.from(token, (character) => BYTES.get(character));
  return bytes.every((byte) => byte !== undefined) ? Uint8Array.from(bytes as number[]) : Buffer.from(token);
}

const BYTE_TOKEN = /^<0x([0-9A-F]{2})>$/;

/** `<0x0A>` -> 10; undefined for what is no such token. */
export function byteOfToken(token: string): number | undefined {
  const match = BYTE_TOKEN.exec(token);
  return match ? Number.parseInt(match[1], 16) : undefined;
}

/** 10 -> `<0x0A>`, SentencePiece's name of a byte. */
export function tokenOfByte(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
}
