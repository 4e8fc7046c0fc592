import { EvolveError, type Tokenizer } from '../../../core/index.js';

/** Rows that no token has, which are more than any padding. */
const MUCH = 1024;

/**
 * That the tokenizer and the embedding belong together. An embedding may have a few more rows than there are tokens, since
 * vocabularies are padded to a round number (BLOOM by 200 rows, Qwen2 by 290, DeepSeek by 2,385, which is 2 %). Many
 * more are those of another tokenizer's tokens.
 *
 * @param rows of the embedding
 * @throws EvolveError where an id has no row, or where more than 1,024 rows and a sixteenth of all have no token
 */
export function checkVocabulary({ vocabularySize }: Tokenizer, rows: number, path: string): void {
  const without = rows - vocabularySize;
  if (without >= 0 && (without <= MUCH || without <= rows / 16)) return;
  const message =
    without < 0
      ? `${path}: the tokenizer has ${vocabularySize} tokens, the embedding only ${rows} rows`
      : `${path}: the tokenizer has only ${vocabularySize} tokens, the embedding ${rows} rows`;
  throw new EvolveError(
    'MODEL_INVALID',
    message,
    "The tokenizer's files and the weights must be of one model.",
  );
}
