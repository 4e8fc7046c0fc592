/** An example as the row of a model, with what is trained on marked. */

import { EvolveError } from '../base/errors.js';
import { printable } from '../base/printable.js';
import type { Example } from '../contracts/dataset.js';
import type { Encoder, Tokenizer } from '../contracts/encoder.js';
import type { EncodedExample } from '../contracts/labels.js';
import { END, markedText } from './render-example.js';

/** The whole row of an example, or what is wrong with the record. */
export function encodedOr(encoder: Encoder, example: Example): EncodedExample | string {
  try {
    return encoder.encode(example, Number.MAX_SAFE_INTEGER);
  } catch (error) {
    if (error instanceof EvolveError && error.code === 'DATA_RECORD') return error.message;
    throw error;
  }
}

/** A row in its tokens: special ones by their names, all others as the text that they stand for. */
export function renderTokens(example: Example, encoder: Encoder, isColored: boolean): string {
  const row = encodedOr(encoder, example);
  return typeof row === 'string' ? `(${printable(row)})\n` : renderRow(row, encoder, isColored);
}

/** The same of a row that is encoded. */
export function renderRow(row: EncodedExample, { tokenizer }: Encoder, isColored: boolean): string {
  const names = new Map(Array.from(tokenizer.special ?? [], ([content, id]) => [id, content]));
  const ids = [...row.inputIds];
  const borders = [0, ...row.spans.flat(), ids.length];
  const runs = borders.slice(1).map((end, i) => {
    const text = textOf(ids, borders[i], end, names, tokenizer);
    return markedText(text, i % 2 === 1, isColored);
  });
  return `${runs.join('')}\n`;
}

/** Of tokens in the midst of a row. A tokenizer leaves off the space with which a text begins, so all before are read too. */
function textOf(
  ids: readonly number[],
  start: number,
  end: number,
  names: ReadonlyMap<number, string>,
  tokenizer: Tokenizer,
): string {
  let text = '';
  let from = start;
  const read = (to: number) =>
    tokenizer.decode(ids.slice(0, to)).slice(tokenizer.decode(ids.slice(0, from)).length);
  for (let i = start; i < end; i++) {
    const name = names.get(ids[i]) ?? (ids[i] === tokenizer.eosId ? END : undefined);
    if (name === undefined) continue;
    text += read(i) + name;
    from = i + 1;
  }
  return text + read(end);
}
