import type { EncodedExample, Example, Prompt, Tokenizer } from '../../../../core/index.js';
import { encodedRow, encodeTurns } from '../../kit/encode.js';
import { alpacaPrompt } from '../../kit/prompt.js';

/** `[gMASK]` and `sop`, with which every text begins, and the prompt. */
export function encodeChatGlm2Prompt(
  tokenizer: Tokenizer,
  prompt: Prompt,
  start: readonly number[],
): number[] {
  return [...start, ...tokenizer.encode(alpacaPrompt(prompt))];
}

/**
 * `[gMASK]`, `sop`, prompt, a space, the output, the end token, as Alpaca-CoT trains it; cut at `cutoffLength` tokens.
 * Only what follows the prompt has labels; of a text for pretraining all of it.
 */
export function encodeChatGlm2Example(
  tokenizer: Tokenizer,
  example: Example,
  start: readonly number[],
  cutoffLength: number,
): EncodedExample {
  const [promptIds, answerIds] =
    'text' in example
      ? [[], tokenizer.encode(example.text)]
      : encodeTurns(tokenizer, example, ` ${example.output}`);
  return encodedRow(tokenizer, [...start, ...promptIds], answerIds, cutoffLength);
}
