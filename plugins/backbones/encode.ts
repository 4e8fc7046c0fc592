import { type EncodedExample, type Example, IGNORED, type Tokenizer } from '../../core/index.js';
import { alpacaPrompt } from './prompt.js';

/** The beginning-of-text token, where the model has one, and the prompt. */
export function encodePrompt(tokenizer: Tokenizer, prompt: Pick<Example, 'instruction' | 'input'>): number[] {
  const start = tokenizer.bosId === null ? [] : [tokenizer.bosId];
  return [...start, ...tokenizer.encode(alpacaPrompt(prompt))];
}

/**
 * Prompt, a space, the output, a space and the end token, as Alpaca-CoT trains it; cut at `cutoffLength` tokens.
 * Only what follows the prompt has labels. Prompt and output are tokenized as one text; should a tokenizer merge
 * across the border between them, they are tokenized apart, so that the mask is never off by one.
 */
export function encodeExample(tokenizer: Tokenizer, example: Example, cutoffLength: number): EncodedExample {
  const promptIds = encodePrompt(tokenizer, example);
  const start = tokenizer.bosId === null ? [] : [tokenizer.bosId];
  const answer = ` ${example.output} `;
  const joint = [...start, ...tokenizer.encode(alpacaPrompt(example) + answer)];
  const mergesAcross = promptIds.some((id, i) => joint[i] !== id);
  const ids = mergesAcross ? [...promptIds, ...tokenizer.encode(answer)] : joint;
  const inputIds = Int32Array.from([...ids, tokenizer.eosId].slice(0, cutoffLength));
  const labels = inputIds.slice().fill(IGNORED, 0, promptIds.length);
  return { inputIds, labels };
}
