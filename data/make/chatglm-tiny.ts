/**
 * Makes data/models/chatglm-tiny but for its weights: the tokenizer is that of llama-tiny with ChatGLM's markers behind
 * it, the configuration that of a ChatGLM-6B of 2.9 million parameters. configs/pretrain/chatglm-tiny.yaml trains it.
 *
 *     npx tsx data/make/chatglm-tiny.ts
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const MODELS = new URL('../models/', import.meta.url);
const MARKERS = ['[MASK]', '[gMASK]', '<sop>', '<eop>'];

const tokenizer = JSON.parse(readFileSync(new URL('llama-tiny/tokenizer.json', MODELS), 'utf8'));
const first = Object.keys(tokenizer.model.vocab).length;
const [mask, gmask, sop, eop] = MARKERS.map((_, i) => first + i);
tokenizer.added_tokens.push(
  ...MARKERS.map((content, i) => ({
    id: first + i,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  })),
);
// The markers stand behind a text: what follows fills the mask.
const special = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
const single = [{ Sequence: { id: 'A', type_id: 0 } }, special('[gMASK]'), special('<sop>')];
tokenizer.post_processor = {
  type: 'TemplateProcessing',
  single,
  pair: [...single, { Sequence: { id: 'B', type_id: 0 } }, special('<eop>')],
  special_tokens: Object.fromEntries(
    [
      ['[gMASK]', gmask],
      ['<sop>', sop],
      ['<eop>', eop],
    ].map(([id, number]) => [id, { id, ids: [number], tokens: [id] }]),
  ),
};

const config = {
  architectures: ['ChatGLMModel'],
  model_type: 'chatglm',
  vocab_size: first + MARKERS.length,
  hidden_size: 192,
  inner_hidden_size: 480,
  num_layers: 5,
  num_attention_heads: 6,
  layernorm_epsilon: 1e-5,
  max_sequence_length: 512,
  position_encoding_2d: true,
  bos_token_id: sop,
  eos_token_id: eop,
  mask_token_id: mask,
  gmask_token_id: gmask,
  pad_token_id: 0,
  torch_dtype: 'float16',
  use_cache: true,
};
const settings = {
  tokenizer_class: 'ChatGLMTokenizer',
  bos_token: '<sop>',
  eos_token: '<eop>',
  mask_token: '[MASK]',
  gmask_token: '[gMASK]',
  pad_token: '<unk>',
  unk_token: '<unk>',
  model_max_length: 512,
  clean_up_tokenization_spaces: false,
};

const folder = new URL('chatglm-tiny/', MODELS);
mkdirSync(folder, { recursive: true });
writeFileSync(new URL('tokenizer.json', folder), `${JSON.stringify(tokenizer)}\n`);
writeFileSync(new URL('config.json', folder), `${JSON.stringify(config, null, 2)}\n`);
writeFileSync(new URL('tokenizer_config.json', folder), `${JSON.stringify(settings, null, 2)}\n`);
