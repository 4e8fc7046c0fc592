import { EvolveError, type ModelRequest } from '../../../core/index.js';
import { type LoadedTokenizer, loadTokenizer } from '../kit/tokenizer.js';
import type { ChatGlmConfig } from './config.js';
import { CHATGLM_PIECES, CHATGLM2_PIECES } from './sentencepiece.js';

/** The tokenizer of a ChatGLM-6B. Its markers stand behind the prompt, so that no text begins with a token of its own. */
export async function loadChatGlmTokenizer(
  request: ModelRequest,
  config: ChatGlmConfig,
): Promise<LoadedTokenizer> {
  const tokenizer = await loadTokenizer(request, CHATGLM_PIECES);
  const { mask, gmask, start } = config.markers;
  const expected = { '[MASK]': mask, '[gMASK]': gmask, '<sop>': start, '<eop>': config.endId };
  for (const [content, id] of Object.entries(expected)) {
    const found = tokenizer.idOf(content);
    if (found === undefined || found === id) continue;
    const message = `${request.path}: ${content} is ${found} in the tokenizer, but ${id} by config.json`;
    throw new EvolveError('MODEL_INVALID', message, 'Both files must be of one model.');
  }
  const stopIds = [...new Set([config.endId, ...tokenizer.stopIds])];
  return { ...tokenizer, bosId: null, eosId: config.endId, stopIds };
}

/** The tokenizer of a ChatGLM2 or ChatGLM3, and the tokens with which every text begins: `[gMASK]` and `sop`. */
export async function loadChatGlm2Tokenizer(
  request: ModelRequest,
): Promise<{ tokenizer: LoadedTokenizer; start: number[] }> {
  const tokenizer = await loadTokenizer(request, CHATGLM2_PIECES);
  const gmask = tokenizer.idOf('[gMASK]');
  const start = tokenizer.idOf('sop') ?? tokenizer.idOf('<sop>');
  if (gmask === undefined || start === undefined) {
    const missing = gmask === undefined ? '[gMASK]' : 'sop';
    const message = `${request.path}: the tokenizer has no token ${missing}`;
    throw new EvolveError('MODEL_INVALID', message, "Get the files of the model's tokenizer again.");
  }
  return { tokenizer: { ...tokenizer, bosId: null }, start: [gmask, start] };
}
