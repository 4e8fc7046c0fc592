import {
  type AttentionLayout,
  attentionLayout,
  type Batch,
  type Pass,
  type RotaryAngles,
  rmsNorm,
  swiglu,
  tf,
} from '../../../core/index.js';
import { attend, splitHeads } from '../kit/attention.js';
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
    const layout = attentionLayout({ offsets: batch.offsets }, pass.cache);
    const run = (input: tf.Tensor2D, layer: LlamaLayer, i: number): tf.Tensor2D => {
      const normed = rmsNorm(input, layer.inputNorm, normEpsilon);
      const x = tf.add(input, this.#attend(layer, normed, angles, layout, pass, i)) as tf.Tensor2D;
      return tf.add(x, this.#feedForward(layer, rmsNorm(x, layer.postAttentionNorm, normEpsilon), pass));
    };
    const x = this.throughLayers(embedding.forward(batch.inputIds, pass), layers, run, pass);
    return tf.tidy(() => rmsNorm(x, norm, normEpsilon));
  }

  /** `x` `[tokens, hidden]` -> the same shape. */
  #attend(
    layer: LlamaLayer,
    x: tf.Tensor2D,
    angles: RotaryAngles,
    layout: AttentionLayout,
    pass: Pass,
    index: number,
  ): tf.Tensor2D {
    const { headDim, normEpsilon } = this.config;
    const split = (flat: tf.Tensor2D) => splitHeads(flat, x.shape[0], headDim);
    const normed = (flat: tf.Tensor2D, weight?: tf.Tensor1D) =>
      weight ? rmsNorm(tf.reshape(flat, [flat.size / headDim, headDim]), weight, normEpsilon) : flat;
    const query = normed(layer.query.forward(x, pass), layer.headNorms?.query);
    const key = normed(layer.key.forward(x, pass), layer.headNorms?.key);
    const value = layer.value.forward(x, pass);
    return attend(
      [split(query), split(key), split(value)],
      {
        layout,
        rotary: { angles },
        precisionOf: layer.query.weight,
        output: layer.attentionOutput,
        layer: index,
      },
      pass,
    );
  }

  #feedForward(layer: LlamaLayer, x: tf.Tensor2D, pass: Pass): tf.Tensor2D {
    return layer.down.forward(swiglu(layer.gate.forward(x, pass), layer.up.forward(x, pass)), pass);
  }
}
