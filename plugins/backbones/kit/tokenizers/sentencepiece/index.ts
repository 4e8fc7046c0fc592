/** Tokenizers of SentencePiece (github.com/google/sentencepiece): BPE by scores, and unigram. */

import { byteOfToken, tokenOfByte } from '../byte-alphabet.js';
import { BytePairEncoder, Cutter, type Merge } from '../byte-pair-encoder.js';
import { decodeBytes } from '../decode.js';
import { tokenizerError } from '../malformed.js';
import { escapeRegExp } from '../text-steps.js';
import { fuseRuns, type TextTokenizer } from '../text-tokenizer.js';
import type { AddedToken } from '../tokenizer-json-schema.js';
import type { Piece, SentencePieceModel } from './model-file.js';
import { sentencePieceNormalizer } from './normalizer.js';
import { UnigramEncoder } from './unigram.js';

/** Cuts a normalized text: calls `use` with each piece and the text that it stands for; -1 is an unknown character. */
type PieceEncoder = (text: string, use: (id: number, surface: string) => void) => void;

/** As any, but with control pieces as the only added tokens. */
export interface SentencePieceTokenizer extends Omit<TextTokenizer, 'encodeBetween'> {
  /** @param spaceBefore whether the space comes before it; the default is what the model says */
  encode(text: string, spaceBefore?: boolean): number[];
}

/**
 * A tokenizer whose ids are those of SentencePiece's own `EncodeAsIds`: control pieces are never made from text, pieces
 * that are "user defined" always.
 *
 * @throws EvolveError if the model contradicts itself
 */
export function sentencePieceTokenizer(model: SentencePieceModel, file: string): SentencePieceTokenizer {
  const { pieces, byteFallback } = model;
  const unknownId = pieces.findIndex(({ type }) => type === 'unknown');
  if (unknownId < 0) throw tokenizerError(file, 'it has no piece of the type "unknown"');
  const contents = new Map(pieces.map(({ piece }, id) => [piece, id]));
  const byteIds = Array.from({ length: 256 }, (_, byte) => contents.get(tokenOfByte(byte)));
  if (byteFallback && byteIds.includes(undefined)) {
    const missing = tokenOfByte(byteIds.indexOf(undefined));
    throw tokenizerError(file, `it falls back to bytes, but has no piece ${missing}`);
  }
  const userDefined = pieces.filter(({ type }) => type === 'user-defined').map(({ piece }) => piece);
  const pattern = patternOf(userDefined);
  const firsts = new Set(userDefined.map((piece) => piece.charCodeAt(0)));
  const normalize = sentencePieceNormalizer(
    model,
    pattern === undefined ? undefined : new RegExp(pattern, 'uy'),
    firsts,
  );
  const encode =
    model.algorithm === 'bpe' ? bpeEncoder(model, pattern, contents, file) : unigramEncoder(pieces);

  const { addDummyPrefix, removeExtraWhitespaces } = model.normalizer;
  const ownSpaces = removeExtraWhitespaces ? Number.POSITIVE_INFINITY : Number(addDummyPrefix);
  const bytesOf = (id: number): Uint8Array | undefined => {
    const { piece, type } = pieces[id] ?? { piece: '', type: 'control' };
    if (type === 'control') return undefined;
    if (type === 'unknown') return Buffer.from(model.unknownSurface);
    return type === 'byte' ? Uint8Array.of(byteOfToken(piece)!) : Buffer.from(piece.replaceAll('▁', ' '));
  };
  return {
    vocabularySize: pieces.length,
    idOf: (content) => contents.get(content),
    textTokenOf: (id) => (isTextPiece(pieces[id]) ? pieces[id].piece : undefined),
    start: [],
    added: pieces.flatMap(({ piece, type }, id): AddedToken[] =>
      type === 'control' && piece !== '' ? [{ id, content: piece, special: true }] : [],
    ),
    encode: (text, spaceBefore) => {
      const ids: number[] = [];
      encode(normalize(text, spaceBefore), (id, surface) => {
        if (id >= 0) ids.push(id);
        else if (byteFallback) for (const byte of Buffer.from(surface)) ids.push(byteIds[byte]!);
        else ids.push(unknownId);
      });
      // A run of unknown characters is one unknown piece.
      if (!byteFallback) fuseRuns(unknownId, ids, 0);
      return ids;
    },
    decode: (ids) => {
      // The spaces that were put before the text: of the first piece, or of the first ones where spaces were squeezed.
      let own = ownSpaces;
      const tokens = ids.flatMap((id) => {
        const bytes = bytesOf(id);
        if (bytes === undefined) return [];
        const isOwn = own > 0 && pieces[id].piece.startsWith('▁');
        own = isOwn && bytes.length === 1 ? own - 1 : 0;
        return isOwn ? bytes.subarray(1) : bytes;
      });
      return decodeBytes(tokens);
    },
  };
}

function isTextPiece(piece: Piece | undefined): boolean {
  return piece !== undefined && piece.type !== 'control' && piece.type !== 'unused';
}

/** A pattern that finds the longest of these. */
function patternOf(texts: readonly string[]): string | undefined {
  if (texts.length === 0) return undefined;
  const longestFirst = [...texts].sort((a, b) => b.length - a.length);
  return longestFirst.map(escapeRegExp).join('|');
}

function unigramEncoder(pieces: readonly Piece[]): PieceEncoder {
  const encoder = new UnigramEncoder(pieces);
  return (text, use) => encoder.encode(text, use);
}

/**
 * BPE of which each piece is a merge of any two that make it, in the order of their scores: the same pieces as
 * SentencePiece's from a table of merges.
 */
function bpeEncoder(
  { pieces }: SentencePieceModel,
  userDefined: string | undefined,
  contents: ReadonlyMap<string, number>,
  file: string,
): PieceEncoder {
  const unused = pieces.find(({ type }) => type === 'unused');
  if (unused)
    throw tokenizerError(file, `the piece "${unused.piece}" is unused, which BPE takes none of`, '');
  const normal = pieces.flatMap(({ type }, id) => (type === 'normal' ? [id] : []));
  // Characters that are within pieces, but are none, can be merged all the same: they have numbers after those of pieces.
  const symbols = new Map(normal.map((id) => [pieces[id].piece, id]));
  const further: string[] = [];
  for (const id of normal) {
    for (const character of pieces[id].piece) {
      if (!symbols.has(character)) symbols.set(character, pieces.length + further.push(character) - 1);
    }
  }
  const scores = [...new Set(normal.map((id) => pieces[id].score))].sort((a, b) => b - a);
  const ranks = new Map(scores.map((score, rank) => [score, rank]));
  const merges = normal.flatMap((id) =>
    mergesOf(id, pieces[id].piece, ranks.get(pieces[id].score)!, symbols),
  );
  const unknown = pieces.length + further.length;
  const encoder = new BytePairEncoder(merges, (part) =>
    Array.from(part, (character) => symbols.get(character) ?? unknown),
  );
  const cutter = new Cutter(normal.map((id) => pieces[id].piece));
  const kept = userDefined === undefined ? undefined : new RegExp(userDefined, 'gu');

  const cut = (text: string, use: (id: number, surface: string) => void) => {
    cutter.cut(text, (part) => {
      const found = encoder.encode(part);
      if (found.every((id) => id < pieces.length)) {
        for (const id of found) use(id, '');
        return;
      }
      // What is no piece is one character: all others tell their length.
      let at = 0;
      for (const id of found) {
        const surface = pieces[id]?.piece ?? String.fromCodePoint(part.codePointAt(at)!);
        use(id < pieces.length ? id : -1, surface);
        at += surface.length;
      }
    });
  };
  return (text, use) => {
    let end = 0;
    for (const match of kept ? text.matchAll(kept) : []) {
      cut(text.slice(end, match.index), use);
      use(contents.get(match[0])!, match[0]);
      end = match.index + match[0].length;
    }
    cut(text.slice(end), use);
  };
}

/** Every way to make a piece of two. */
function mergesOf(id: number, piece: string, rank: number, symbols: ReadonlyMap<string, number>): Merge[] {
  const merges: Merge[] = [];
  let at = 0;
  for (const character of piece) {
    at += character.length;
    const left = symbols.get(piece.slice(0, at));
    const right = symbols.get(piece.slice(at));
    if (left !== undefined && right !== undefined) merges.push({ left, right, rank, merged: id });
  }
  return merges;
}
