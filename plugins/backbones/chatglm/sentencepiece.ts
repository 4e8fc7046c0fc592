/** How ChatGLM's own tokenizers use SentencePiece: for `loadTokenizer(request, CHATGLM_PIECES)`. */

import { EvolveError } from '../../../core/index.js';
import type { SentencePieceOptions } from '../kit/tokenizer.js';
import { tokenOfByte } from '../kit/tokenizers/byte-alphabet.js';
import { withControls } from '../kit/tokenizers/sentencepiece/added-pieces.js';
import type { Piece, PieceType } from '../kit/tokenizers/sentencepiece/model-file.js';

const MOST_BLANKS = 80;
const MARKERS = ['[MASK]', '[gMASK]', '[sMASK]', '<unused_0>', '<sop>', '<eop>', '<ENC>', '<dBLOCK>'];
const MARKERS2 = ['[MASK]', '[gMASK]', '[sMASK]', 'sop', 'eop'];
const ROLES = ['<|system|>', '<|user|>', '<|assistant|>', '<|observation|>'];

const blank = (length: number) => `<|blank_${length}|>`;
const BLANKS = Array.from({ length: MOST_BLANKS - 1 }, (_, i) => blank(i + 2));

/**
 * ChatGLM-6B's ice_text.model. Line breaks, tabs and two spaces or more are pieces of their own. The file of the first
 * releases leaves out the markers, those pieces and the bytes that unknown characters fall back to. In front of the
 * pieces are ids of images, as many as tokenizer_config.json says, or 20,000, as in the first releases.
 */
export const CHATGLM_PIECES: SentencePieceOptions = {
  file: 'ice_text.model',
  amend(model) {
    if (model.pieces.some(({ piece }) => piece === '[gMASK]')) {
      return withControls(model, (piece) => MARKERS.includes(piece));
    }
    const bytes = Array.from({ length: 256 }, (_, byte) => tokenOfByte(byte));
    const pieces = [
      ...model.pieces,
      ...piecesOf(MARKERS, 'control'),
      ...piecesOf(['<|tab|>', ...BLANKS], 'user-defined'),
      ...piecesOf(bytes, 'byte'),
    ];
    return { ...model, pieces, byteFallback: true };
  },
  write: (text) =>
    text
      .replaceAll('\n', '<n>')
      .replaceAll('\t', '<|tab|>')
      .replace(/ {2,80}/g, ({ length }) => blank(length)),
  read: (text) =>
    text
      .replaceAll('<n>', '\n')
      .replaceAll('<|tab|>', '\t')
      .replace(/<\|blank_(\d\d?)\|>/g, (token, length) =>
        BLANKS.includes(token) ? ' '.repeat(Number(length)) : token,
      ),
  firstId: ({ num_image_tokens: count = 20_000 }) => {
    if (Number.isInteger(count) && (count as number) >= 0) return count as number;
    const message = `tokenizer_config.json: num_image_tokens should be a number of tokens, but is ${JSON.stringify(count)}`;
    throw new EvolveError('MODEL_INVALID', message, 'Get the file again.');
  },
};

/** ChatGLM2's and ChatGLM3's tokenizer.model, behind whose pieces the markers follow, and the roles of ChatGLM3. */
export const CHATGLM2_PIECES: SentencePieceOptions = {
  amend: (model) => ({
    ...model,
    pieces: [...model.pieces, ...piecesOf([...MARKERS2, ...ROLES], 'control')],
  }),
};

function piecesOf(contents: readonly string[], type: PieceType): Piece[] {
  return contents.map((piece) => ({ piece, score: 0, type }));
}
