import {
  attention,
  type Batch,
  type Pass,
  type RotaryAngles,
  rmsNorm,
  rotary,
  swiglu,
  type Tokenizer,
  tf,
} from '../../../core/index.js';
import { CausalModel } from '../kit/causal-model.js';
import type { LlamaConfig } from './config.js';
import { anglesOf } from './rotary.js';
import type { LlamaLayer, LlamaWeights } from './weights.js';

/**
 * LLaMA and its kin: pre-norm layers of rotary attention and a SwiGLU feed-forward. Source: arXiv 2302.13971 and
 * 2307.09288; held to transformers' LlamaForCausalLM, MistralForCausalLM and Qwen's in the tests.
 */
export class LlamaModel extends CausalModel {
  constructor(
    path: string,
    tokenizer: Tokenizer,
    private readonly config: LlamaConfig,
    private readonly weights: LlamaWeights,
  ) {
    const sites = weights.layers.flatMap((layer) => [
      layer.query,
      layer.key,
      layer.value,
      layer.attentionOutput,
      layer.gate,
      layer.up,
      layer.down,
    ]);
    super({
      backbone: 'llama',
      path,
      tokenizer,
      maxLength: config.maxPositions,
      limitedBy: config.limitedBy,
      linears: [...sites, weights.output],
      embeddings: [weights.embedding],
      vectors: weights.vectors,
      targetModules: ['q_proj', 'v_proj'],
      output: weights.output,
    });
  }

  protected override hidden(batch: Batch, pass: Pass): tf.Tensor2D {
    const { embedding, layers, norm } = this.weights;
    const { normEpsilon, rotary: settings } = this.config;
    const angles = anglesOf(batch, settings);
    const run = (input: tf.Tensor2D, layer: LlamaLayer, i: number): tf.Tensor2D => {
      const normed = rmsNorm(input, layer.inputNorm, normEpsilon);
      const x = tf.add(input, this.#attend(layer, normed, angles, batch.offsets, pass, i)) as tf.Tensor2D;
      return tf.add(x, this.#feedForward(layer, rmsNorm(x, layer.postAttentionNorm, normEpsilon), pass));
    };
    const x = this.throughLayers(embedding.forward(batch.inputIds), layers, run, pass);
    return tf.tidy(() => rmsNorm(x, norm, normEpsilon));
  }

  /** `x` `[tokens, hidden]` -> the same shape. */
  #attend(
    layer: LlamaLayer,
    x: tf.Tensor2D,
    angles: RotaryAngles,
    offsets: Int32Array,
    pass: Pass,
    index: number,
  ): tf.Tensor2D {
    const { heads, kvHeads, headDim, normEpsilon } = this.config;
    const { headNorms } = layer;
    const tokens = x.shape[0];
    const split = (flat: tf.Tensor2D, count: number) =>
      tf.reshape(flat, [tokens, count, headDim]) as tf.Tensor3D;
    const normed = (flat: tf.Tensor2D, count: number, weight?: tf.Tensor1D) =>
      weight ? rmsNorm(tf.reshape(flat, [tokens * count, headDim]), weight, normEpsilon) : flat;
    const query = normed(layer.query.forward(x, pass), heads, headNorms?.query);
    const key = normed(layer.key.forward(x, pass), kvHeads, headNorms?.key);
    const mixed = attention(
      rotary(split(query, heads), angles),
      rotary(split(key, kvHeads), angles),
      split(layer.value.forward(x, pass), kvHeads),
      {
        scale: 1 / Math.sqrt(headDim),
        offsets,
        precisionOf: layer.query.weight,
        cache: pass.cache?.layer(index),
      },
    );
    return layer.attentionOutput.forward(tf.reshape(mixed, [tokens, heads * headDim]), pass);
  }

  #feedForward(layer: LlamaLayer, x: tf.Tensor2D, pass: Pass): tf.Tensor2D {
    return layer.down.forward(swiglu(layer.gate.forward(x, pass), layer.up.forward(x, pass)), pass);
  }
}
