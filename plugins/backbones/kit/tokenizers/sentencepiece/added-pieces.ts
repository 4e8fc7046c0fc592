/** Pieces that a model's file leaves out, or has of another type. */

import type { AddedToken } from '../tokenizer-json-schema.js';
import type { Piece, SentencePieceModel } from './model-file.js';

const isOfText = ({ type }: Piece) => type === 'normal' || type === 'user-defined';

/** The model with some of its pieces as control pieces, which text never yields; unknown and byte pieces stay. */
export function withControls(
  model: SentencePieceModel,
  isControl: (piece: string) => boolean,
): SentencePieceModel {
  const pieces = model.pieces.map((piece) =>
    isOfText(piece) && isControl(piece.piece) ? { ...piece, type: 'control' as const } : piece,
  );
  return { ...model, pieces };
}

/**
 * The model with tokens that other files add: control pieces where they are special, else "user defined" ones. Where a
 * piece of that content is there, it keeps its id; where another one has the token's id, it stood there as a placeholder.
 *
 * @returns the model, and the tokens that are to be found in texts
 */
export function withAdded(
  model: SentencePieceModel,
  tokens: readonly AddedToken[],
): { model: SentencePieceModel; plain: AddedToken[] } {
  const pieces = [...model.pieces];
  const ids = new Map(pieces.map(({ piece }, id) => [piece, id]));
  const plain: AddedToken[] = [];
  for (const token of tokens) {
    const { content, special } = token;
    const known = ids.get(content);
    if (known !== undefined && !isOfText(pieces[known])) continue;
    const id = known ?? token.id;
    while (pieces.length < id) pieces.push({ piece: '', score: 0, type: 'control' });
    const score = known === undefined ? 0 : pieces[known].score;
    pieces[id] = { piece: content, score, type: special ? 'control' : 'user-defined' };
    if (!special) plain.push({ ...token, id });
  }
  return { model: { ...model, pieces }, plain };
}
