/**
 * ChatGLM-6B (here), ChatGLM2 and ChatGLM3 (chatglm2/) in the layout in which they are published: config.json with
 * model_type "chatglm", whose other keys tell them apart, a tokenizer, weights.
 */

import { type ConfiguredModel, defineBackbone, modelOf } from '../kit/define-backbone.js';
import { CausalEncoder } from '../kit/encoder.js';
import { isChatGlm2, parseChatGlm2Config } from './chatglm2/config.js';
import { ChatGlm2Model } from './chatglm2/model.js';
import { readChatGlm2Weights } from './chatglm2/weights.js';
import { parseChatGlmConfig } from './config.js';
import { ChatGlmEncoder } from './encoder.js';
import { ChatGlmModel } from './model.js';
import { withoutLastSpace } from './template.js';
import { loadChatGlm2Tokenizer, loadChatGlmTokenizer } from './tokenizer.js';
import { readChatGlmWeights } from './weights.js';

export default defineBackbone({
  name: 'chatglm',
  apiVersion: 2,
  modelTypes: ['chatglm'],
  fromConfig: (json, path) => (isChatGlm2(json) ? chatGlm2(json, path) : chatGlm(json, path)),
});

function chatGlm(json: Record<string, unknown>, path: string): ConfiguredModel {
  const config = parseChatGlmConfig(json, path);
  return {
    ...modelOf(config, readChatGlmWeights, ChatGlmModel),
    loadTokenizer: (files) => loadChatGlmTokenizer(files, config),
    makeEncoder: (tokenizer, { template, seed }) =>
      new ChatGlmEncoder(tokenizer, template, config.markers, seed),
  };
}

function chatGlm2(json: Record<string, unknown>, path: string): ConfiguredModel {
  const config = parseChatGlm2Config(json, path);
  return {
    ...modelOf(config, readChatGlm2Weights, ChatGlm2Model),
    loadTokenizer: loadChatGlm2Tokenizer,
    makeEncoder: (tokenizer, { template }) =>
      new CausalEncoder(tokenizer, template.passages ? template : withoutLastSpace(template)),
  };
}
