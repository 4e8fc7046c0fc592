/** Rows of templates that write special tokens by themselves: passages -> tokens, and which of these have labels. */

import {
  EvolveError,
  type InstructionExample,
  type Passage,
  type Tokenizer,
  type TokenTemplate,
  type TurnsExample,
} from '../../../core/index.js';
import type { Piece, Words } from './label-mask.js';

type PassageTokenizer = Tokenizer & Required<Pick<Tokenizer, 'special' | 'encodeParts'>>;

/**
 * The words of a template that writes special tokens. It writes all of them: a row begins with no token that it does not
 * write. The token with which it ends answers is a stop token too.
 *
 * @param rows of the embedding
 * @throws EvolveError MODEL_INVALID if the tokenizer does not tell its special tokens, or the template writes one without a row
 */
export function passageWords(tokenizer: Tokenizer, template: TokenTemplate, rows: number): Words {
  if (!tokenizer.special || !tokenizer.encodeParts) {
    const message = `the template "${template.name}" writes special tokens, which this model's tokenizer does not tell`;
    const at = ['data', 'template'];
    throw new EvolveError('MODEL_INVALID', message, 'Take the template alpaca or plain.', { at });
  }
  const { encodeParts } = tokenizer;
  const able: PassageTokenizer = {
    ...(tokenizer as PassageTokenizer),
    encodeParts: (parts) => {
      const ids = encodeParts(parts);
      for (const id of ids.flat()) if (id >= rows) refuseToken(able, template, id, rows);
      return ids;
    },
  };
  const special = new Set(able.special.keys());
  const piecesOf = (example: InstructionExample | TurnsExample) =>
    piecesOfPassages(able, template.passages(example, special));
  const { eosId, stopIds = [eosId] } = tokenizer;
  const end = endTokenOf(able, piecesOf);
  return {
    tokenizer: { ...able, stopIds: [...new Set([...stopIds, ...(end === undefined ? [] : [end])])] },
    piecesOf,
    promptOf: (prompt) => able.encodeParts(template.promptPassages(prompt, special)).flat(),
  };
}

function refuseToken(
  { special }: PassageTokenizer,
  { name }: TokenTemplate,
  id: number,
  rows: number,
): never {
  const token = [...special].find(([, each]) => each === id)?.[0];
  const message = `the template "${name}" writes the token ${JSON.stringify(token)} (${id}), but the embedding has only ${rows} rows`;
  const advice = 'Give the token a row (in transformers: resize_token_embeddings), or take another template.';
  throw new EvolveError('MODEL_INVALID', message, advice, { at: ['data', 'template'] });
}

/**
 * The pieces of a row. An answer that is trained on ends with the first special token behind it. If its template writes none,
 * the end is the stop token with which the next turn begins; at the end of the row the tokenizer's end token takes the place of white space.
 */
function piecesOfPassages(tokenizer: PassageTokenizer, passages: readonly Passage[]): Piece[] {
  const special = new Set(tokenizer.special.values());
  const stops = new Set([tokenizer.eosId, ...(tokenizer.stopIds ?? [])].filter((id) => special.has(id)));
  const parts = tokenizer.encodeParts(passages);
  const pieces: Piece[] = [];
  for (const [i, { labels }] of passages.entries()) {
    const ids = parts[i];
    if (labels !== 'end') {
      pieces.push({ ids, trained: labels === 'all' });
      continue;
    }
    const end = ids.findIndex((id) => special.has(id)) + 1;
    const trained = end > 0 ? end : withoutSpace(tokenizer, ids);
    const next = parts.findIndex((each, k) => k > i && each.length > 0);
    pieces.push({ ids: ids.slice(0, trained), trained: true });
    if (end === 0 && next < 0) pieces.push({ ids: [tokenizer.eosId], trained: true });
    else pieces.push({ ids: ids.slice(trained), trained: false });
    if (end > 0 || next < 0) continue;
    if (stops.has(parts[next][0])) {
      pieces.push({ ids: parts[next].slice(0, 1), trained: true });
      parts[next] = parts[next].slice(1);
    }
  }
  return pieces;
}

/** How many of the tokens there are before white space at the end. */
function withoutSpace(tokenizer: Tokenizer, ids: readonly number[]): number {
  let end = ids.length;
  while (end > 0 && tokenizer.decode(ids.slice(end - 1, end)).trim() === '') end--;
  return end;
}

/**
 * The special token with which an answer ends, in a conversation of two words; undefined if there is none, or the template
 * takes no such conversation.
 */
function endTokenOf(tokenizer: PassageTokenizer, piecesOf: Words['piecesOf']): number | undefined {
  try {
    const pieces = piecesOf({ kind: 'instruction', instruction: 'a', input: '', output: 'b' });
    const last = pieces.flatMap(({ trained, ids }) => (trained ? ids : [])).at(-1);
    return [...tokenizer.special.values()].find((id) => id === last);
  } catch (error) {
    if (error instanceof EvolveError && error.code === 'DATA_RECORD') return undefined;
    throw error;
  }
}
