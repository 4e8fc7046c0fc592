/**
 * Which tokens of a row have labels: those of answers, not those of prompts. Encoders build rows of pieces that are trained
 * on or not, which are the exchanges of a template in tokens.
 */

import {
  type EncodedExample,
  EvolveError,
  type Exchange,
  type InstructionExample,
  type Prompt,
  type Span,
  type Tokenizer,
  type TokensExample,
  type TurnsExample,
  type WordTemplate,
} from '../../../core/index.js';
import { encodeBehind } from './tokenizers/encode-parts.js';

/** Tokens of a row that are trained on, or are not. */
export interface Piece {
  readonly ids: readonly number[];
  readonly trained: boolean;
}

/** How a template's words become rows. */
export interface Words {
  /** With the stop tokens at which answers in these words end. */
  readonly tokenizer: Tokenizer;
  /** A whole row, from the tokens with which it begins. @throws EvolveError DATA_RECORD */
  piecesOf(example: InstructionExample | TurnsExample): Piece[];
  /** The tokens that an answer follows. @throws EvolveError DATA_RECORD */
  promptOf(prompt: Prompt): number[];
}

/** The pieces one behind the other, cut at `cutoffLength` tokens. */
export function joinPieces(pieces: readonly Piece[], cutoffLength: number): EncodedExample {
  const length = pieces.reduce((sum, { ids }) => sum + ids.length, 0);
  const inputIds = new Int32Array(Math.min(length, cutoffLength));
  const spans: Span[] = [];
  let start = 0;
  for (const { ids, trained } of pieces) {
    const end = Math.min(start + ids.length, inputIds.length);
    for (let at = start; at < end; at++) inputIds[at] = ids[at - start];
    const last = spans.at(-1);
    if (trained && end > start) {
      if (last?.[1] === start) spans[spans.length - 1] = [last[0], end];
      else spans.push([start, end]);
    }
    start = end;
  }
  return { inputIds, spans };
}

/** The words of a template of plain words: `start` comes first, and the end token behind each answer. */
export function exchangeWords(tokenizer: Tokenizer, template: WordTemplate, start: readonly number[]): Words {
  const rowOf = (exchanges: readonly Exchange[]): Piece[] => [
    { ids: start, trained: false },
    ...exchanges.flatMap((exchange) => piecesOf(tokenizer, exchange)),
  ];
  return {
    tokenizer,
    piecesOf: (example) => rowOf(template.exchanges(example)),
    promptOf: (prompt) => {
      const { before, last } = exchangesOfPrompt(template, prompt);
      return [...rowOf(before).flatMap(({ ids }) => ids), ...tokenizer.encode(last)];
    },
  };
}

/** A row that is in tokens already. @throws EvolveError DATA_RECORD if one is not below `count`, that of the model's tokens */
export function encodeTokens(
  count: number,
  { inputIds, spans }: TokensExample,
  cutoffLength: number,
): EncodedExample {
  const wrong = inputIds.findIndex((id) => id >= count);
  if (wrong >= 0) {
    const message = `token ${wrong + 1} is ${inputIds[wrong]}, but the tokens of this model are 0 to ${count - 1}`;
    throw new EvolveError('DATA_RECORD', message, 'Make the tokens with the tokenizer of this model.');
  }
  const ids = Int32Array.from(inputIds.slice(0, cutoffLength));
  const kept = spans.flatMap(([start, end]): Span[] =>
    start < ids.length ? [[start, Math.min(end, ids.length)]] : [],
  );
  return { inputIds: ids, spans: kept };
}

/** The exchanges of a prompt: those that are over, and the text after which the next answer belongs. */
export function exchangesOfPrompt(
  template: WordTemplate,
  prompt: Prompt,
): { before: readonly Exchange[]; last: string } {
  const exchanges = template.exchanges(unanswered(prompt));
  return { before: exchanges.slice(0, -1), last: exchanges[exchanges.length - 1].prompt };
}

/** The prompt as an example whose answer is empty. */
function unanswered(prompt: Prompt): InstructionExample | TurnsExample {
  if (!('turns' in prompt))
    return { kind: 'instruction', instruction: prompt.instruction, input: prompt.input, output: '' };
  const turns = prompt.turns.map(({ role, content }) => ({ role, content, trained: false }));
  return { kind: 'turns', turns: [...turns, { role: 'assistant', content: '', trained: false }] };
}

/** A prompt, and its answer with the end token. */
export function piecesOf(tokenizer: Tokenizer, { prompt, answer, trained }: Exchange): [Piece, Piece] {
  const [promptIds, answerIds] = encodeExchange(tokenizer, prompt, answer);
  return [
    { ids: promptIds, trained: false },
    { ids: [...answerIds, tokenizer.eosId], trained },
  ];
}

/**
 * The tokens of a prompt, and those of the answer behind it: what the tokenizer makes of both as one text, unless a
 * token spans the border. The prompt's tokens are then the very ones after which the model will be asked to generate.
 */
export function encodeExchange(tokenizer: Tokenizer, prompt: string, answer: string): [number[], number[]] {
  const encode = (text: string) => tokenizer.encode(text);
  const before = { text: prompt, ids: encode(prompt) };
  return [before.ids, [...encodeBehind(encode, (ids) => tokenizer.decode(ids), before, answer).ids]];
}
