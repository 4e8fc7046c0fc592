import {
  type EncodedExample,
  type Example,
  IGNORED,
  type Prompt,
  type Tokenizer,
} from '../../../core/index.js';
import { alpacaPrompt } from './prompt.js';

/** The beginning-of-text token, where the model has one, and the prompt. */
export function encodePrompt(tokenizer: Tokenizer, prompt: Prompt): number[] {
  return [...startOf(tokenizer), ...tokenizer.encode(alpacaPrompt(prompt))];
}

/**
 * Prompt, a space, the output, a space and the end token, as Alpaca-CoT trains it; cut at `cutoffLength` tokens.
 * Only what follows the prompt has labels. The row begins with exactly the tokens after which the model will later
 * be asked to generate, also where the tokenizer would merge across the border between prompt and output.
 *
 * A text for pretraining stands between the beginning-of-text and the end token, and all of it has labels.
 */
export function encodeExample(tokenizer: Tokenizer, example: Example, cutoffLength: number): EncodedExample {
  const start = startOf(tokenizer);
  if ('text' in example)
    return encodedRow(tokenizer, [], [...start, ...tokenizer.encode(example.text)], cutoffLength);
  const [promptIds, answerIds] = encodeTurns(tokenizer, example, ` ${example.output} `);
  return encodedRow(tokenizer, [...start, ...promptIds], answerIds, cutoffLength);
}

/** Tokens without labels, tokens with labels, and the end token, which has one; cut at `cutoffLength` tokens. */
export function encodedRow(
  { eosId }: Tokenizer,
  unlabelled: readonly number[],
  labelled: readonly number[],
  cutoffLength: number,
): EncodedExample {
  const inputIds = Int32Array.from([...unlabelled, ...labelled, eosId].slice(0, cutoffLength));
  return { inputIds, labels: inputIds.slice().fill(IGNORED, 0, unlabelled.length) };
}

/**
 * The tokens of a prompt, and those of the answer behind it: what the tokenizer makes of both as one text, unless a
 * token spans the border.
 */
export function encodeTurns(tokenizer: Tokenizer, prompt: Prompt, answer: string): [number[], number[]] {
  const text = alpacaPrompt(prompt);
  const promptIds = tokenizer.encode(text);
  const joint = tokenizer.encode(text + answer);
  if (promptIds.every((id, i) => joint[i] === id)) return [promptIds, joint.slice(promptIds.length)];
  // Tokenized apart. Tokenizers of SentencePiece's kind begin every text with a space of their own, which then is the
  // answer's: of the two ways the one that reads as it should is right.
  const ways = [answer, answer.trimStart()].map((apart) => tokenizer.encode(apart));
  const answerIds = ways.find((ids) => tokenizer.decode([...promptIds, ...ids]) === text + answer) ?? ways[0];
  return [promptIds, answerIds];
}

function startOf(tokenizer: Tokenizer): number[] {
  return tokenizer.bosId === null ? [] : [tokenizer.bosId];
}
