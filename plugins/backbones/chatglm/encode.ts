import {
  deriveSeed,
  type EncodedExample,
  type Example,
  type Prompt,
  Random,
  type Tokenizer,
} from '../../../core/index.js';
import { encodedRow, encodeTurns } from '../kit/encode.js';
import { alpacaPrompt } from '../kit/prompt.js';
import type { MarkerIds } from './config.js';

/** The prompt as context, the mask that the answer fills, and `<sop>`. */
export function encodeChatGlmPrompt(tokenizer: Tokenizer, prompt: Prompt, markers: MarkerIds): number[] {
  return [...tokenizer.encode(alpacaPrompt(prompt)), markers.gmask, markers.start];
}

/**
 * Prompt, `[gMASK]`, `<sop>`, a space, the output, `<eop>`; cut at `cutoffLength` tokens. Labels begin after `<sop>`.
 * Alpaca-CoT writes a space before `<eop>`, which ChatGLM's tokenizer drops.
 *
 * A text for pretraining is cut in two at a place that `seed` and the text settle: what stands before is context, the
 * rest has labels. Half of the texts have no context; in the others every place is as likely. (GLM, arXiv 2103.10360,
 * has the model fill the last half to all of a document.)
 */
export function encodeChatGlmExample(
  tokenizer: Tokenizer,
  example: Example,
  markers: MarkerIds,
  cutoffLength: number,
  seed: number,
): EncodedExample {
  const [context, target] =
    'text' in example
      ? cutText(tokenizer, example.text, cutoffLength, seed)
      : encodeTurns(tokenizer, example, ` ${example.output}`);
  return encodedRow(tokenizer, [...context, markers.gmask, markers.start], target, cutoffLength);
}

/** The tokens of a text before and after a place of its own; with both markers they fit into `cutoffLength`. */
function cutText(
  tokenizer: Tokenizer,
  text: string,
  cutoffLength: number,
  seed: number,
): [number[], number[]] {
  const ids = tokenizer.encode(text).slice(0, cutoffLength - 2);
  const share = 2 * new Random(deriveSeed(seed, text)).next() - 1;
  const at = Math.floor(Math.max(0, share) * ids.length);
  return [ids.slice(0, at), ids.slice(at)];
}
