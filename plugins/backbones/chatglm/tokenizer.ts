import { EvolveError, type ModelFiles } from '../../../core/index.js';
import { type LoadedTokenizer, loadTokenizer } from '../kit/tokenizer.js';
import type { ChatGlmConfig } from './config.js';
import { CHATGLM_PIECES, CHATGLM2_PIECES } from './sentencepiece.js';

/** The tokenizer of a ChatGLM-6B. Its markers stand behind the prompt, so that no text begins with a token of its own. */
export async function loadChatGlmTokenizer(
  files: ModelFiles,
  config: ChatGlmConfig,
): Promise<LoadedTokenizer> {
  const tokenizer = await loadTokenizer(files, CHATGLM_PIECES);
  const { mask, gmask, start } = config.markers;
  const expected = { '[MASK]': mask, '[gMASK]': gmask, '<sop>': start, '<eop>': config.endId };
  for (const [content, id] of Object.entries(expected)) {
    const found = tokenizer.idOf(content);
    if (found === undefined || found === id) continue;
    const message = `${files.path}: ${content} is ${found} in the tokenizer, but ${id} by config.json`;
    throw new EvolveError('MODEL_INVALID', message, 'Both files must be of one model.');
  }
  const stopIds = [...new Set([config.endId, ...tokenizer.stopIds])];
  return { ...tokenizer, bosId: null, startIds: [], eosId: config.endId, stopIds };
}

/** The tokenizer of a ChatGLM2 or ChatGLM3. Its texts begin with two tokens that are no one beginning-of-text token. */
export async function loadChatGlm2Tokenizer(files: ModelFiles): Promise<LoadedTokenizer> {
  const tokenizer = await loadTokenizer(files, CHATGLM2_PIECES);
  return { ...tokenizer, bosId: null, startIds: startOf(tokenizer, files.path) };
}

/** `[gMASK]` and `sop`. @throws EvolveError MODEL_INVALID if the tokenizer of the model at `path` lacks one */
function startOf(tokenizer: LoadedTokenizer, path: string): number[] {
  const gmask = tokenizer.idOf('[gMASK]');
  const start = tokenizer.idOf('sop') ?? tokenizer.idOf('<sop>');
  if (gmask === undefined || start === undefined) {
    const missing = gmask === undefined ? '[gMASK]' : 'sop';
    const message = `${path}: the tokenizer has no token ${missing}`;
    throw new EvolveError('MODEL_INVALID', message, "Get the files of the model's tokenizer again.");
  }
  return [gmask, start];
}
