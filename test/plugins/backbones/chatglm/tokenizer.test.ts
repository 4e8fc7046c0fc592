import { expect } from 'chai';
import { parseChatGlmConfig } from '../../../../plugins/backbones/chatglm/config.js';
import { loadChatGlmTokenizer } from '../../../../plugins/backbones/chatglm/tokenizer.js';
import { requestOf, tokenizerFile } from '../../../support/tokenizers.js';

describe('the tokenizer of ChatGLM-6B', () => {
  it('ends answers at <eop> too where only </s> is named as an end', async () => {
    const sizes = { hidden_size: 32, inner_hidden_size: 48, num_layers: 2, num_attention_heads: 2 };
    const json = { ...sizes, vocab_size: 150_528, position_encoding_2d: true };
    const files = {
      'config.json': json,
      'tokenizer_config.json': { eos_token: '</s>' },
      'tokenizer.json': tokenizerFile('llama-metaspace.json'),
    };
    const { eosId, stopIds } = await loadChatGlmTokenizer(
      requestOf(files),
      parseChatGlmConfig(json, 'models/mine'),
    );
    expect(eosId).to.equal(150_005);
    expect(stopIds).to.deep.equal([150_005, 2]);
  });
});
