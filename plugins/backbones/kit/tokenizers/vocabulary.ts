import { EvolveError } from '../../../../core/index.js';
import type { LoadedTokenizer } from '../tokenizer.js';

/**
 * That the tokenizer and the embedding belong together. An embedding may have a few more rows than there are tokens, since
 * vocabularies are padded: small ones to a multiple of 128 at most, large ones by rows in reserve too (Qwen2
 * by 290, DeepSeek by 2,385, which is 2 %). Many more are those of another tokenizer's tokens. A token may be without a row
 * where no text yields it and nothing else uses it, as a padding token that was added to the tokenizer alone.
 *
 * @param rows of the embedding
 * @throws EvolveError if an id that may come up has no row, or if more rows than up to the next multiple of 128, and more
 *   than a sixteenth of all, have no token
 */
export function checkVocabulary(tokenizer: LoadedTokenizer, rows: number, path: string): void {
  const { vocabularySize, startIds, eosId, stopIds } = tokenizer;
  const without = rows - vocabularySize;
  if (without > rows / 16 && rows > 128 * Math.ceil(vocabularySize / 128)) {
    const message = `${path}: the tokenizer has only ${vocabularySize} tokens, the embedding ${rows} rows`;
    const advice = "The tokenizer's files and the weights must be of one model.";
    throw new EvolveError('MODEL_INVALID', message, advice);
  }
  const used = [...startIds, eosId, ...stopIds];
  const configured = tokenizer.configuredIds.find(({ id }) => id >= rows && used.includes(id));
  if (configured) {
    const { file, key, id } = configured;
    const message = `${path}/${file}: ${key} is ${id}, but the embedding has only ${rows} rows`;
    throw new EvolveError('MODEL_INVALID', message, `Set ${key} to the id of the tokenizer's token.`);
  }
  for (let id = rows; id < vocabularySize; id++) {
    const token = tokenizer.textTokenOf(id);
    if (token === undefined && !used.includes(id)) continue;
    const which = token === undefined ? 'that rows begin or end with' : JSON.stringify(token);
    const message = `${path}: the tokenizer has ${vocabularySize} tokens, the embedding only ${rows} rows; the token ${id} (${which}) has none`;
    const advice =
      'Take the tokenizer of this model. Or give its tokens rows (in transformers: resize_token_embeddings), or take those without one out of its files.';
    throw new EvolveError('MODEL_INVALID', message, advice);
  }
}
