import type { Encoder, Template } from '../../../../core/index.js';
import { CausalEncoder } from '../../kit/encoder.js';
import type { LoadedTokenizer } from '../../kit/tokenizer.js';
import { withoutLastSpace } from '../template.js';
import { startOf } from '../tokenizer.js';

/** `[gMASK]` and `sop`, which have no labels; then prompts and answers as of any model that reads from left to right. */
export function chatGlm2Encoder(tokenizer: LoadedTokenizer, template: Template, path: string): Encoder {
  return new CausalEncoder(tokenizer, withoutLastSpace(template), startOf(tokenizer, path));
}
