/** Words in more symbols than this are not kept. */
const MAX_KEPT_LENGTH = 64;
/** How many words are kept: about 20 MB. */
const MAX_KEPT_WORDS = 100_000;

/** What may be merged: two neighbours, and what they make. */
export interface Merge {
  readonly left: number;
  readonly right: number;
  /** Lower goes first. */
  readonly rank: number;
  readonly merged: number;
}

/**
 * Byte-pair encoding (Sennrich et al., arXiv 1508.07909): of all neighbours that can be merged those of the lowest
 * rank are, the leftmost first, until none can. A heap finds them, so that the time goes with n log n; what words
 * come to is kept for the next time.
 *
 * Symbols and tokens are numbers below 2²⁶.
 */
export class BytePairEncoder {
  /** A pair of neighbours, as one number -> its place in the arrays. */
  readonly #places = new Map<number, number>();
  readonly #ranks: Int32Array;
  readonly #merged: Int32Array;
  readonly #kept = new Map<string, readonly number[]>();

  /**
   * @param merges of two merges of the same pair the later one counts
   * @param symbolsOf a word -> what it is before anything is merged
   */
  constructor(
    merges: readonly Merge[],
    private readonly symbolsOf: (word: string) => number[],
  ) {
    this.#ranks = Int32Array.from(merges, ({ rank }) => rank);
    this.#merged = Int32Array.from(merges, ({ merged }) => merged);
    for (const [place, { left, right }] of merges.entries()) this.#places.set(pairOf(left, right), place);
  }

  encode(word: string): readonly number[] {
    const kept = this.#kept.get(word);
    if (kept) return kept;
    const tokens = this.#merge(this.symbolsOf(word));
    if (word.length <= MAX_KEPT_LENGTH) {
      if (this.#kept.size >= MAX_KEPT_WORDS) this.#kept.clear();
      // A slice of a text would keep all of the text.
      this.#kept.set(Buffer.from(word, 'utf16le').toString('utf16le'), tokens);
    }
    return tokens;
  }

  /** `symbols` is used up. */
  #merge(symbols: number[]): number[] {
    const end = symbols.length;
    if (end < 2) return symbols;
    // A list in both directions: merging puts the result at the left one's place, and the right one falls out.
    const next = Int32Array.from(symbols, (_, at) => at + 1);
    const before = Int32Array.from(symbols, (_, at) => at - 1);
    const queue = new Queue();
    const offer = (at: number) => {
      const right = next[at];
      if (right >= end) return;
      const place = this.#places.get(pairOf(symbols[at], symbols[right]));
      if (place !== undefined) queue.add(this.#ranks[place], at, this.#merged[place]);
    };
    for (let at = 0; at < end - 1; at++) offer(at);
    while (queue.take()) {
      const { at, merged } = queue;
      const right = next[at];
      if (symbols[at] === GONE || right >= end) continue;
      // What was offered may since have been merged otherwise.
      const place = this.#places.get(pairOf(symbols[at], symbols[right]));
      if (place === undefined || this.#merged[place] !== merged) continue;
      symbols[at] = merged;
      symbols[right] = GONE;
      next[at] = next[right];
      if (next[at] < end) before[next[at]] = at;
      if (before[at] >= 0) offer(before[at]);
      offer(at);
    }
    return symbols.filter((symbol) => symbol !== GONE);
  }
}

const GONE = -1;

function pairOf(left: number, right: number): number {
  return left * 0x4000000 + right;
}

/** A binary heap of merges to do, by rank and then by place. `take` puts the first one into `at` and `merged`. */
class Queue {
  at = 0;
  merged = 0;
  /** Rank and place in one number. */
  readonly #keys: number[] = [];
  readonly #merged: number[] = [];

  add(rank: number, at: number, merged: number): void {
    const key = rank * 0x4000000 + at;
    let hole = this.#keys.length;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if (this.#keys[parent] <= key) break;
      this.#keys[hole] = this.#keys[parent];
      this.#merged[hole] = this.#merged[parent];
      hole = parent;
    }
    this.#keys[hole] = key;
    this.#merged[hole] = merged;
  }

  /** False where nothing is left. */
  take(): boolean {
    const keys = this.#keys;
    if (keys.length === 0) return false;
    this.at = keys[0] % 0x4000000;
    this.merged = this.#merged[0];
    const key = keys.pop()!;
    const merged = this.#merged.pop()!;
    const size = keys.length;
    if (size === 0) return true;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= size) break;
      if (child + 1 < size && keys[child + 1] < keys[child]) child++;
      if (keys[child] >= key) break;
      keys[hole] = keys[child];
      this.#merged[hole] = this.#merged[child];
      hole = child;
    }
    keys[hole] = key;
    this.#merged[hole] = merged;
    return true;
  }
}

/**
 * Cuts texts where no merge can reach across, so that the parts can be encoded by themselves, with the same result:
 * a merge across `a|b` would make a token that holds `ab`.
 */
export class Cutter {
  /**
   * A bit for each two UTF-16 units that stand beside each other within a token, at a place that is computed from both. Other
   * units may come to the same place: then they are left together, which is right too.
   */
  readonly #joined = new Uint32Array(2 ** (PLACE_BITS - 5));

  constructor(tokens: Iterable<string>) {
    for (const token of tokens) {
      for (let at = 1; at < token.length; at++) {
        const place = placeOf(token.charCodeAt(at - 1), token.charCodeAt(at));
        this.#joined[place >>> 5] |= 1 << (place & 31);
      }
    }
  }

  /** Calls `use` with each part, from left to right; characters stay whole. */
  cut(text: string, use: (part: string) => void): void {
    let start = 0;
    let before = text.charCodeAt(0);
    for (let at = 1; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      const isSecondHalf = unit >= 0xdc00 && unit <= 0xdfff;
      const place = placeOf(before, unit);
      if (!isSecondHalf && (this.#joined[place >>> 5] & (1 << (place & 31))) === 0) {
        use(text.slice(start, at));
        start = at;
      }
      before = unit;
    }
    if (start < text.length) use(text.slice(start));
  }
}

/** 2 MiB of bits: beside 100,000 pairs, one in 170 others is taken for one of them. */
const PLACE_BITS = 24;

function placeOf(before: number, unit: number): number {
  return Math.imul((before << 16) | unit, 0x9e3779b1) >>> (32 - PLACE_BITS);
}
