import type { Piece } from './model-file.js';

/** How far under the worst piece an unknown character is. */
const UNKNOWN_PENALTY = 10;

/** Beyond this a score is made zero, and those at later places are lessened by as much: single precision has few digits. */
const RESET = 100_000;

/**
 * The likeliest way to cut a text into pieces (Kudo, arXiv 1804.10959), found by Viterbi's algorithm. Scores are added
 * in single precision as SentencePiece adds them, so that ties fall alike.
 */
export class UnigramEncoder {
  /** A node of the trie and the UTF-16 unit that follows, as one number -> the node that they lead to. */
  readonly #children = new Map<number, number>();
  /** Of each node: the piece that ends there, or -1. */
  readonly #pieceAt: number[] = [-1];
  readonly #scores: Float32Array;
  readonly #unknownScore: number;

  constructor(pieces: readonly Piece[]) {
    const normal = pieces.filter(({ type }) => type === 'normal').map(({ score }) => score);
    const lowest = normal.reduce((least, score) => Math.min(least, score), 3.4028234663852886e38);
    this.#unknownScore = Math.fround(lowest - UNKNOWN_PENALTY);
    this.#scores = Float32Array.from(pieces, ({ piece, type, score }) =>
      // Above all others, so that it is always taken, and the longest of them.
      type === 'user-defined' ? 0.1 * (Buffer.byteLength(piece) - 1) : score,
    );
    for (const [id, { piece, type }] of pieces.entries()) {
      if (type === 'normal' || type === 'user-defined') this.#insert(piece, id);
    }
  }

  #insert(piece: string, id: number): void {
    let node = 0;
    for (let at = 0; at < piece.length; at++) {
      const key = node * 0x10000 + piece.charCodeAt(at);
      let child = this.#children.get(key);
      if (child === undefined) {
        child = this.#pieceAt.push(-1) - 1;
        this.#children.set(key, child);
      }
      node = child;
    }
    this.#pieceAt[node] = id;
  }

  /** Calls `use` with each piece and the text that it stands for, from left to right; -1 for an unknown character. */
  encode(text: string, use: (id: number, surface: string) => void): void {
    // Of the best path that ends at each place: its score, its last piece, and where that begins.
    const scores = new Float32Array(text.length + 1);
    const ids = new Int32Array(text.length + 1);
    const starts = new Int32Array(text.length + 1).fill(-1);
    let furthest = 0;
    const offer = (end: number, score: number, id: number, start: number) => {
      furthest = Math.max(furthest, end);
      if (starts[end] >= 0 && score <= scores[end]) return;
      scores[end] = score;
      ids[end] = id;
      starts[end] = start;
    };
    for (let start = 0; start < text.length; ) {
      const reached = scores[start];
      if (Math.abs(reached) > RESET) {
        // Places that nothing has reached are zero whatever happens to them.
        for (let at = start; at <= furthest; at++) scores[at] -= reached;
      }
      const single = start + (text.codePointAt(start)! > 0xffff ? 2 : 1);
      let known = false;
      let node: number | undefined = 0;
      for (let at = start; at < text.length; ) {
        node = this.#children.get(node * 0x10000 + text.charCodeAt(at++));
        if (node === undefined) break;
        const id = this.#pieceAt[node];
        if (id < 0) continue;
        offer(at, Math.fround(this.#scores[id] + scores[start]), id, start);
        known ||= at === single;
      }
      if (!known) offer(single, Math.fround(this.#unknownScore + scores[start]), -1, start);
      start = single;
    }
    const ends: number[] = [];
    for (let end = text.length; end > 0; end = starts[end]) ends.push(end);
    for (const end of ends.reverse()) use(ids[end], text.slice(starts[end], end));
  }
}
