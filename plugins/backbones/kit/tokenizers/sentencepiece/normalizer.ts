import type { SentencePieceModel } from './model-file.js';

/**
 * What SentencePiece makes of a text before it cuts it: replacements by the model's own rules (none, or NFKC and
 * more), one space before the text, several spaces made one, spaces written as ▁; each where the model says so.
 *
 * @param userDefined sticky: the longest piece at a place of the text that is kept as it is
 * @param firsts the UTF-16 units with which such pieces begin
 * @returns a function of a text, and of whether the space comes before it where that is not as the model says
 */
export function sentencePieceNormalizer(
  { normalizer, whitespaceAsSuffix }: SentencePieceModel,
  userDefined: RegExp | undefined,
  firsts: ReadonlySet<number>,
): (text: string, spaceBefore?: boolean) => string {
  const { charsMap, addDummyPrefix, removeExtraWhitespaces, escapeWhitespaces } = normalizer;
  const rules = charsMap.length > 0 ? new CharsMap(charsMap) : undefined;
  const space = escapeWhitespaces ? '▁' : ' ';

  /** What the text is replaced with, piece by piece. */
  function* replace(text: string): Generator<string> {
    const bytes = rules ? Buffer.from(text) : undefined;
    let byte = 0;
    for (let at = 0; at < text.length; ) {
      let kept: string | undefined;
      if (userDefined && firsts.has(text.charCodeAt(at))) {
        userDefined.lastIndex = at;
        kept = userDefined.exec(text)?.[0];
      }
      const rule = kept === undefined && bytes ? rules!.find(bytes, byte) : undefined;
      if (rule) {
        yield rule.result;
        for (const end = byte + rule.length; byte < end; ) {
          const character = characterAt(text, at);
          at += character.length;
          byte += Buffer.byteLength(character);
        }
      } else {
        kept ??= characterAt(text, at);
        yield kept;
        at += kept.length;
        if (bytes) byte += Buffer.byteLength(kept);
      }
    }
  }

  return (text, spaceBefore = addDummyPrefix) => {
    if (text === '') return '';
    const plain = !rules && !removeExtraWhitespaces;
    let result = plain ? text : '';
    // Spaces before the text count as if one stood there already.
    let afterSpace = true;
    for (const part of plain ? [] : replace(text)) {
      const kept: string = removeExtraWhitespaces && afterSpace ? part.replace(/^ +/, '') : part;
      result += kept;
      if (kept !== '') afterSpace = kept.endsWith(' ');
    }
    if (removeExtraWhitespaces && result === '') return '';
    const before = spaceBefore && !whitespaceAsSuffix ? space : '';
    result = before + (escapeWhitespaces ? result.replaceAll(' ', space) : result);
    if (removeExtraWhitespaces) {
      let end = result.length;
      while (result.endsWith(space, end) && end > 0) end--;
      result = result.slice(0, end);
    }
    return spaceBefore && whitespaceAsSuffix ? result + space : result;
  };
}

function characterAt(text: string, at: number): string {
  return String.fromCodePoint(text.codePointAt(at)!);
}

/**
 * Rules of replacement as SentencePiece stores them: the size of a trie in bytes, the trie (a double array of Darts-clone,
 * over UTF-8, whose values are places in what follows), and the replacements, each ended by a zero byte.
 */
class CharsMap {
  readonly #trie: Uint32Array;
  readonly #results: Buffer;
  readonly #known = new Map<number, string>();

  constructor(bytes: Uint8Array) {
    const buffer = Buffer.from(bytes);
    const size = buffer.readUInt32LE();
    this.#trie = Uint32Array.from({ length: size / 4 }, (_, at) => buffer.readUInt32LE(4 + 4 * at));
    this.#results = buffer.subarray(4 + size);
  }

  /** The longest rule for the text at a place: how many bytes it replaces, and by what. */
  find(text: Uint8Array, start: number): { length: number; result: string } | undefined {
    const trie = this.#trie;
    let length = 0;
    let place = 0;
    let node = offsetOf(trie[0]);
    for (let at = start; at < text.length; at++) {
      node ^= text[at];
      const unit = trie[node];
      if ((unit & 0x800000ff) >>> 0 !== text[at]) break;
      node ^= offsetOf(unit);
      if (unit & 0x100) {
        length = at + 1 - start;
        place = trie[node] & 0x7fffffff;
      }
    }
    return length > 0 ? { length, result: this.#resultAt(place) } : undefined;
  }

  #resultAt(place: number): string {
    let result = this.#known.get(place);
    if (result === undefined) {
      result = this.#results.toString('utf8', place, this.#results.indexOf(0, place));
      this.#known.set(place, result);
    }
    return result;
  }
}

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}
