import {
  attention,
  type Batch,
  embedding,
  type Pass,
  type RotaryAngles,
  rmsNorm,
  rotary,
  rotaryAngles,
  rotaryFrequencies,
  swiglu,
  type Tokenizer,
  tf,
} from '../../../core/index.js';
import { CausalModel } from '../causal-model.js';
import type { LlamaConfig } from './config.js';
import type { LlamaLayer, LlamaWeights } from './weights.js';

/**
 * LLaMA: pre-norm layers of rotary attention and a SwiGLU feed-forward, without biases. Source: arXiv 2302.13971
 * and 2307.09288; held to transformers' LlamaForCausalLM in the tests.
 */
export class LlamaModel extends CausalModel {
  readonly #frequencies: Float64Array;

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
    const norms = [
      weights.norm,
      ...weights.layers.flatMap((layer) => [layer.inputNorm, layer.postAttentionNorm]),
    ];
    const matrices = [weights.embedding, ...sites.map((site) => site.weight)];
    if (!config.tiedOutput) matrices.push(weights.output.weight);
    const sizes = [...matrices.map(({ shape }) => shape[0] * shape[1]), ...norms.map((norm) => norm.size)];
    super({
      backbone: 'llama',
      path,
      tokenizer,
      parameterCount: sizes.reduce((total, size) => total + size, 0),
      maxLength: config.maxPositions,
      linears: [...sites, weights.output],
      output: weights.output,
      tensors: norms,
    });
    this.#frequencies = rotaryFrequencies(config.headDim, config.ropeTheta);
  }

  protected override hidden(batch: Batch, pass: Pass): tf.Tensor2D {
    const { normEpsilon } = this.config;
    const angles = rotaryAngles(batch.positions, this.#frequencies);
    let x = embedding(batch.inputIds, this.weights.embedding);
    for (const layer of this.weights.layers) {
      const input = rmsNorm(x, layer.inputNorm, normEpsilon);
      x = tf.add(x, this.#attend(layer, input, angles, batch.offsets, pass));
      const normed = rmsNorm(x, layer.postAttentionNorm, normEpsilon);
      const gated = swiglu(layer.gate.forward(normed, pass), layer.up.forward(normed, pass));
      x = tf.add(x, layer.down.forward(gated, pass));
    }
    return rmsNorm(x, this.weights.norm, normEpsilon);
  }

  /** `x` `[tokens, hidden]` -> the same shape. */
  #attend(
    layer: LlamaLayer,
    x: tf.Tensor2D,
    angles: RotaryAngles,
    offsets: Int32Array,
    pass: Pass,
  ): tf.Tensor2D {
    const { heads, kvHeads, headDim } = this.config;
    const tokens = x.shape[0];
    const split = (flat: tf.Tensor2D, count: number) =>
      tf.reshape(flat, [tokens, count, headDim]) as tf.Tensor3D;
    const mixed = attention(
      rotary(split(layer.query.forward(x, pass), heads), angles),
      rotary(split(layer.key.forward(x, pass), kvHeads), angles),
      split(layer.value.forward(x, pass), kvHeads),
      { scale: 1 / Math.sqrt(headDim), offsets },
    );
    return layer.attentionOutput.forward(tf.reshape(mixed, [tokens, heads * headDim]), pass);
  }
}
