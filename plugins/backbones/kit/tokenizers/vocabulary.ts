import { EvolveError } from '../../../../core/index.js';
import type { LoadedTokenizer } from '../tokenizer.js';

/**
 * That the tokenizer and the embedding belong together. An embedding may have a few more rows than there are tokens, since
 * vocabularies are padded: small ones to a multiple of 128 at most, large ones by rows in reserve too (Qwen2
 * by 290, DeepSeek by 2,385, which is 2 %). Many more are those of another tokenizer's tokens.
 *
 * @param rows of the embedding
 * @throws EvolveError if an id has no row, or if more rows than up to the next multiple of 128, and more than a
 *   sixteenth of all, have no token
 */
export function checkVocabulary(tokenizer: LoadedTokenizer, rows: number, path: string): void {
  const { vocabularySize, bosId, eosId, stopIds } = tokenizer;
  const without = rows - vocabularySize;
  const isPadding = rows <= 128 * Math.ceil(vocabularySize / 128) || without <= rows / 16;
  if (without < 0 || !isPadding) {
    const message =
      without < 0
        ? `${path}: the tokenizer has ${vocabularySize} tokens, the embedding only ${rows} rows`
        : `${path}: the tokenizer has only ${vocabularySize} tokens, the embedding ${rows} rows`;
    const advice = "The tokenizer's files and the weights must be of one model.";
    throw new EvolveError('MODEL_INVALID', message, advice);
  }
  const used = [bosId, eosId, ...stopIds];
  const outside = tokenizer.configuredIds.find(({ id }) => id >= rows && used.includes(id));
  if (!outside) return;
  const { file, key, id } = outside;
  const message = `${path}/${file}: ${key} is ${id}, but the embedding has only ${rows} rows`;
  throw new EvolveError('MODEL_INVALID', message, `Set ${key} to the id of the tokenizer's token.`);
}
