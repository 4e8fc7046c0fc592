/**
 * A checkpoint plugin of the bench's own: a LLaMA of any size with random weights that are made when asked for. It
 * answers for a folder that has a config.json and no weights; the numbers are uniform, and the same each time.
 */

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type Checkpoint, definePlugin, encodeFloats, Random, type TensorInfo } from '../../core/index.js';

/** Numbers that are drawn; they repeat at a length that is odd, so that the rows of a matrix differ. */
const DRAWN = 2 ** 22 - 3;
/** Numbers by which the matrices may begin after each other. */
const SLACK = 2 ** 20;
const SPREAD = 0.035;

export default definePlugin({
  name: 'random-llama',
  apiVersion: 2,
  apply(trainer) {
    trainer.hooks.openCheckpoint.tap((folder) => {
      const file = path.join(folder, 'config.json');
      if (!existsSync(file) || existsSync(path.join(folder, 'model.safetensors'))) return undefined;
      return randomCheckpoint(folder, JSON.parse(readFileSync(file, 'utf8')));
    });
  },
});

function randomCheckpoint(folder: string, config: Record<string, number>): Checkpoint {
  const tensors = tensorsOf(config);
  const drawn = encodeFloats('bf16', new Random(7).uniform(DRAWN, -SPREAD, SPREAD));
  const { hidden_size: hidden, intermediate_size: wide } = config;
  const pool = repeated(drawn, 2 * (hidden * wide + SLACK));
  const ones = (size: number) => encodeFloats('bf16', new Float32Array(size).fill(1));
  const order = [...tensors.keys()];
  return {
    path: folder,
    tensors,
    async read(name) {
      const { shape } = tensors.get(name) as TensorInfo;
      if (shape.length === 1) return ones(shape[0]);
      const size = 2 * shape[0] * shape[1];
      if (size > pool.length) return repeated(drawn, size);
      // A view, as of a mapped file: the weights before quantizing cost no memory of this process. Each begins
      // elsewhere, or all layers would be one.
      const from = (64 * 7919 * order.indexOf(name)) % (pool.length - size);
      return pool.subarray(from - (from % 64), from - (from % 64) + size);
    },
    async close() {},
  };
}

function repeated(bytes: Uint8Array, size: number): Uint8Array {
  const all = new Uint8Array(size);
  for (let at = 0; at < size; at += bytes.length) all.set(bytes.subarray(0, size - at), at);
  return all;
}

function tensorsOf(config: Record<string, number>): Map<string, TensorInfo> {
  const { hidden_size: hidden, intermediate_size: wide, vocab_size: vocabulary } = config;
  const keyValue = (hidden / config.num_attention_heads) * config.num_key_value_heads;
  const tensors = new Map<string, TensorInfo>();
  const add = (name: string, ...shape: number[]) => tensors.set(`${name}.weight`, { type: 'bf16', shape });
  add('model.embed_tokens', vocabulary, hidden);
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const at = `model.layers.${i}`;
    add(`${at}.input_layernorm`, hidden);
    add(`${at}.self_attn.q_proj`, hidden, hidden);
    add(`${at}.self_attn.k_proj`, keyValue, hidden);
    add(`${at}.self_attn.v_proj`, keyValue, hidden);
    add(`${at}.self_attn.o_proj`, hidden, hidden);
    add(`${at}.post_attention_layernorm`, hidden);
    add(`${at}.mlp.gate_proj`, wide, hidden);
    add(`${at}.mlp.up_proj`, wide, hidden);
    add(`${at}.mlp.down_proj`, hidden, wide);
  }
  add('model.norm', hidden);
  add('lm_head', vocabulary, hidden);
  return tensors;
}
