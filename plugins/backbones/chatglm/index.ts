/**
 * ChatGLM-6B (here), ChatGLM2 and ChatGLM3 (chatglm2/) in the layout in which they are published: config.json with
 * model_type "chatglm", whose other keys tell them apart, a tokenizer, weights.
 */

import { definePlugin, type LanguageModel, type ModelRequest } from '../../../core/index.js';
import { checkVocabulary } from '../kit/tokenizers/vocabulary.js';
import { isChatGlm2, parseChatGlm2Config } from './chatglm2/config.js';
import { ChatGlm2Model } from './chatglm2/model.js';
import { readChatGlm2Weights } from './chatglm2/weights.js';
import { parseChatGlmConfig } from './config.js';
import { ChatGlmModel } from './model.js';
import { loadChatGlm2Tokenizer, loadChatGlmTokenizer } from './tokenizer.js';
import { readChatGlmWeights } from './weights.js';

export default definePlugin({
  name: 'chatglm',
  apiVersion: 2,
  family: 'backbones',
  apply(trainer) {
    trainer.hooks.loadModel.tap(async (request) => {
      request.takes(['chatglm']);
      if (request.backbone !== 'auto' && request.backbone !== 'chatglm') return undefined;
      const json = await request.readJson('config.json');
      if (json?.model_type !== 'chatglm') return undefined;
      return isChatGlm2(json) ? loadChatGlm2(request, json) : loadChatGlm(request, json);
    });
  },
});

async function loadChatGlm(request: ModelRequest, json: Record<string, unknown>): Promise<LanguageModel> {
  const config = parseChatGlmConfig(json, request.path);
  const tokenizer = await loadChatGlmTokenizer(request, config);
  checkVocabulary(tokenizer, config.vocabularySize, request.path);
  const weights = await readChatGlmWeights(request, config);
  return new ChatGlmModel(request.path, tokenizer, config, weights, request.random.seed);
}

async function loadChatGlm2(request: ModelRequest, json: Record<string, unknown>): Promise<LanguageModel> {
  const config = parseChatGlm2Config(json, request.path);
  const { tokenizer, start } = await loadChatGlm2Tokenizer(request);
  checkVocabulary(tokenizer, config.vocabularySize, request.path);
  const weights = await readChatGlm2Weights(request, config);
  return new ChatGlm2Model(request.path, tokenizer, config, weights, start);
}
