/**
 * Which tokens of a row have labels: those of answers, not those of prompts. Encoders build rows of pieces that are trained
 * on or not, which are the exchanges of a template in tokens.
 */

import type {
  EncodedExample,
  Exchange,
  InstructionExample,
  Prompt,
  Span,
  Template,
  Tokenizer,
  TurnsExample,
} from '../../../core/index.js';

/** Tokens of a row that are trained on, or are not. */
export interface Piece {
  readonly ids: readonly number[];
  readonly trained: boolean;
}

/** The pieces one behind the other, cut at `cutoffLength` tokens. */
export function joinPieces(pieces: readonly Piece[], cutoffLength: number): EncodedExample {
  const inputIds = new Int32Array(pieces.flatMap(({ ids }) => ids).slice(0, cutoffLength));
  const spans: Span[] = [];
  let start = 0;
  for (const { ids, trained } of pieces) {
    const end = Math.min(start + ids.length, inputIds.length);
    if (trained && end > start) spans.push([start, end]);
    start = end;
  }
  return { inputIds, spans };
}

/** The exchanges of a prompt: those that are over, and the text after which the next answer belongs. */
export function exchangesOfPrompt(
  template: Template,
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
  const promptIds = tokenizer.encode(prompt);
  const joint = tokenizer.encode(prompt + answer);
  if (promptIds.every((id, i) => joint[i] === id)) return [promptIds, joint.slice(promptIds.length)];
  // Tokenized apart. Tokenizers of SentencePiece's kind begin every text with a space of their own, which then is the
  // answer's: of the two ways the one that reads as it should is right.
  const ways = [answer, answer.trimStart()].map((apart) => tokenizer.encode(apart));
  const answerIds =
    ways.find((ids) => tokenizer.decode([...promptIds, ...ids]) === prompt + answer) ?? ways[0];
  return [promptIds, answerIds];
}
