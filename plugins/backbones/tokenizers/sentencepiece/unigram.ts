import type { Piece } from './model-file.js';

/** How far under the worst piece an unknown character is. */
const UNKNOWN_PENALTY = 10;

/**
 * The likeliest way to cut a text into pieces (Kudo, arXiv 1804.10959), found by Viterbi's algorithm. Scores are added
 * in single precision as SentencePiece adds them, so that ties fall alike.
 */
export class UnigramEncoder {
  /** A node of the trie and the UTF-16 unit that follows, as one number -> the node that they lead to. */
  readonly #children = new Map<number, number>();
  /** Of each node: the piece that ends there, or -1. */
  readonly #pieceAt: number[] = [-1];
  readonly #scores: Float64Array;
  readonly #unknownScore: number;

  constructor(pieces: readonly Piece[]) {
    const normal = pieces.filter(({ type }) => type === 'normal').map(({ score }) => score);
    const lowest = normal.reduce((least, score) => Math.min(least, score), 3.4028234663852886e38);
    const highest = normal.reduce((most, score) => Math.max(most, score), 1.1754943508222875e-38);
    this.#unknownScore = Math.fround(lowest - UNKNOWN_PENALTY);
    this.#scores = Float64Array.from(pieces, ({ piece, type, score }) =>
      // So that it is always taken.
      type === 'user-defined' ? Buffer.byteLength(piece) * highest - 0.1 : score,
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
    const offer = (end: number, score: number, id: number, start: number) => {
      if (starts[end] >= 0 && score <= scores[end]) return;
      scores[end] = score;
      ids[end] = id;
      starts[end] = start;
    };
    for (let start = 0; start < text.length; ) {
      const single = start + (text.codePointAt(start)! > 0xffff ? 2 : 1);
      let known = false;
      let node: number | undefined = 0;
      for (let at = start; at < text.length; ) {
        node = this.#children.get(node * 0x10000 + text.charCodeAt(at++));
        if (node === undefined) break;
        const id = this.#pieceAt[node];
        if (id < 0) continue;
        offer(at, this.#scores[id] + scores[start], id, start);
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
