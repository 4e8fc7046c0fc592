/** Finds the values of a JSON text of any length, which is an array of them or has one behind the other. */

/** A value as it is written, with its place; or a fault in what stands around values. */
export interface JsonPiece {
  readonly bytes: Buffer;
  /** Where it begins, from 1. */
  readonly line: number;
  readonly byte: number;
  readonly fault?: string;
}

const [NEWLINE, QUOTE, BACKSLASH, COMMA] = [10, 0x22, 0x5c, 0x2c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
/** The byte order mark of UTF-8. Files that were put together have it in their midst. */
const MARK = [0xef, 0xbb, 0xbf];

const isSpace = (byte: number) => byte === 0x20 || byte === NEWLINE || byte === 13 || byte === 9;
const endsScalar = (byte: number) =>
  isSpace(byte) || byte === COMMA || byte === CLOSE_LIST || byte === CLOSE_OBJECT || byte === OPEN_OBJECT;

/** The least memory for what is not taken yet. */
const LEAST_WINDOW = 2 ** 19;

/**
 * Takes a text piece by piece, and gives the values in it: each value, and the items of an outermost array each by itself.
 * It looks at brackets, commas and quotes alone, so that whether a value is JSON is for JSON.parse to say. It holds no more
 * than the value at hand.
 */
export class JsonScanner {
  #window = Buffer.alloc(LEAST_WINDOW);
  #filled = 0;
  /** How far it has looked. */
  #at = 0;
  /** Where the value at hand begins; -1 between values. */
  #start = -1;
  #depth = 0;
  #inString = false;
  /** Where the outermost array begins, while it is open. */
  #array: Pick<JsonPiece, 'line' | 'byte'> | undefined;
  /** Whether a value of the array stands behind its last comma. */
  #hasItem = false;
  #hasComma = false;
  /** A file that has one has them behind every line. */
  #hasStrayComma = false;
  #line: number;
  #countedTo = 0;
  /** The place of the window's first byte. */
  #base: number;
  #pieces: JsonPiece[] = [];

  /** @param place of the text's first byte */
  constructor(place: Pick<JsonPiece, 'line' | 'byte'> = { line: 1, byte: 1 }) {
    this.#line = place.line;
    this.#base = place.byte;
  }

  /** How many bytes of a value are here that has not ended. */
  get held(): number {
    return this.#start < 0 ? 0 : this.#filled - this.#start;
  }

  /** The line to which it has counted. */
  get line(): number {
    return this.#line;
  }

  /** The values that end in this piece of the text. */
  push(piece: Buffer): JsonPiece[] {
    this.#append(piece);
    this.#scan(false);
    return this.#taken();
  }

  /** What the end of the text shows. */
  end(): JsonPiece[] {
    this.#scan(true);
    const isCut = this.#start >= 0 && (this.#depth > 0 || this.#inString);
    if (isCut) this.#emit(this.#filled, 'is cut off: the file ends in it');
    else if (this.#start >= 0) this.#emit(this.#filled);
    if (this.#array && !isCut) {
      const { line, byte } = this.#array;
      const fault = `the array that begins at line ${line}, byte ${byte} is not closed: the file is cut off`;
      this.#fault(this.#filled, fault);
    }
    return this.#taken();
  }

  #taken(): JsonPiece[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }

  #append(piece: Buffer): void {
    const kept = this.#start >= 0 ? this.#start : this.#at;
    this.#countTo(kept);
    const size = this.#filled - kept;
    const old = this.#window;
    if (size + piece.length > old.length)
      this.#window = Buffer.alloc(Math.max(LEAST_WINDOW, 2 * (size + piece.length)));
    old.copy(this.#window, 0, kept, this.#filled);
    piece.copy(this.#window, size);
    this.#filled = size + piece.length;
    this.#at -= kept;
    this.#countedTo = 0;
    this.#base += kept;
    if (this.#start >= 0) this.#start = 0;
  }

  #scan(isLast: boolean): void {
    const bytes = this.#window.subarray(0, this.#filled);
    while (this.#at < bytes.length) {
      if (this.#inString) {
        if (!this.#toQuote(bytes)) return;
      } else if (this.#depth > 0) this.#toEnd(bytes);
      else if (this.#start >= 0) this.#toScalarEnd(bytes);
      else if (!this.#between(bytes, isLast)) return;
    }
  }

  /** To the quote that ends the string; false if it is not there yet. */
  #toQuote(bytes: Buffer): boolean {
    const quote = bytes.indexOf(QUOTE, this.#at);
    this.#at = quote < 0 ? bytes.length : quote + 1;
    if (quote < 0) return false;
    let before = quote;
    while (bytes[before - 1] === BACKSLASH) before--;
    if ((quote - before) % 2 === 1) return true;
    this.#inString = false;
    if (this.#depth === 0) this.#emit(this.#at);
    return true;
  }

  /** To the next quote within a list or object, or to its end. */
  #toEnd(bytes: Buffer): void {
    let at = this.#at;
    for (; at < bytes.length; at++) {
      const byte = bytes[at];
      if (byte === QUOTE) {
        this.#inString = true;
        break;
      }
      if (byte === OPEN_LIST || byte === OPEN_OBJECT) this.#depth++;
      else if ((byte === CLOSE_LIST || byte === CLOSE_OBJECT) && --this.#depth === 0) break;
    }
    this.#at = Math.min(at + 1, bytes.length);
    if (this.#depth === 0) this.#emit(this.#at);
  }

  #toScalarEnd(bytes: Buffer): void {
    while (this.#at < bytes.length && !endsScalar(bytes[this.#at])) this.#at++;
    if (this.#at < bytes.length) this.#emit(this.#at);
  }

  /** One byte of what stands between values; false if more of the text is needed to understand it. */
  #between(bytes: Buffer, isLast: boolean): boolean {
    const at = this.#at;
    const byte = bytes[at];
    if (byte === MARK[0] && !isLast && at + MARK.length > bytes.length) return false;
    this.#at++;
    if (isSpace(byte)) return true;
    if (MARK.every((mark, i) => bytes[at + i] === mark)) this.#at = at + MARK.length;
    else if (byte === COMMA) this.#comma(at);
    else if (byte === CLOSE_LIST && this.#array) this.#closeArray(at);
    else if (byte === OPEN_LIST && !this.#array) this.#openArray(at);
    else this.#begin(byte, at);
    return true;
  }

  #comma(at: number): void {
    if (!this.#array && this.#hasStrayComma) return;
    this.#hasStrayComma ||= !this.#array;
    if (!this.#array)
      this.#fault(at, 'a comma stands behind a record, outside of an array; further ones are not told');
    else if (!this.#hasItem) this.#fault(at, 'a comma stands here with no record before it');
    this.#hasItem = false;
    this.#hasComma = true;
  }

  #openArray(at: number): void {
    this.#countTo(at);
    this.#array = { line: this.#line, byte: this.#base + at };
    this.#hasItem = false;
    this.#hasComma = false;
  }

  #closeArray(at: number): void {
    if (!this.#hasItem && this.#hasComma) this.#fault(at, 'the array ends here with a comma before its end');
    this.#array = undefined;
  }

  #begin(byte: number, at: number): void {
    if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) {
      this.#fault(at, `"${String.fromCharCode(byte)}" stands here, and nothing is open`);
      return;
    }
    if (this.#array && this.#hasItem) this.#fault(at, 'a comma is missing before this record');
    this.#hasItem = true;
    this.#start = at;
    this.#inString = byte === QUOTE;
    if (byte === OPEN_LIST || byte === OPEN_OBJECT) this.#depth = 1;
  }

  #emit(end: number, fault?: string): void {
    this.#countTo(this.#start);
    // A copy: the window is overwritten.
    const bytes = Buffer.from(this.#window.subarray(this.#start, end));
    const place = { line: this.#line, byte: this.#base + this.#start };
    this.#pieces.push(fault === undefined ? { bytes, ...place } : { bytes, ...place, fault });
    this.#start = -1;
    this.#depth = 0;
    this.#inString = false;
  }

  #fault(at: number, fault: string): void {
    this.#countTo(at);
    this.#pieces.push({ bytes: Buffer.alloc(0), line: this.#line, byte: this.#base + at, fault });
  }

  /** Counts the lines up to here. */
  #countTo(at: number): void {
    const region = this.#window.subarray(this.#countedTo, at);
    for (let end = region.indexOf(NEWLINE); end >= 0; end = region.indexOf(NEWLINE, end + 1)) this.#line++;
    this.#countedTo = Math.max(at, this.#countedTo);
  }
}

/** Where the lists of an object begin that stand directly in it, by their keys. */
export function listsIn(object: Buffer): ReadonlyMap<string, number> {
  const lists = new Map<string, number>();
  let [depth, key, isKey] = [0, '', true];
  for (let at = 0; at < object.length; at++) {
    const byte = object[at];
    if (byte === QUOTE) {
      let end = at + 1;
      while (end < object.length && object[end] !== QUOTE) end += object[end] === BACKSLASH ? 2 : 1;
      if (depth === 1 && isKey) key = object.subarray(at + 1, end).toString();
      at = end;
    } else if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
      if (depth === 1 && byte === OPEN_LIST) lists.set(key, at);
      depth++;
    } else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) depth--;
    else if (depth === 1) isKey = byte === COMMA || (isKey && byte !== 0x3a);
  }
  return lists;
}
