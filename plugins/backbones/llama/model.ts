import {
  attention,
  type Batch,
  type CausalMask,
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

/** What every layer of one pass uses. */
interface Shared {
  readonly angles: RotaryAngles;
  readonly mask: CausalMask;
}

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
    const positions = Int32Array.from(batch.inputIds, (_, at) => at % batch.length);
    const angles = rotaryAngles(positions, this.#frequencies);
    const mask: CausalMask = { kind: 'causal', lengths: batch.lengths };
    let x = embedding(batch.inputIds, this.weights.embedding);
    for (const layer of this.weights.layers) {
      const attended = this.#attend(
        layer,
        rmsNorm(x, layer.inputNorm, normEpsilon),
        batch,
        { angles, mask },
        pass,
      );
      x = tf.add(x, attended);
      const normed = rmsNorm(x, layer.postAttentionNorm, normEpsilon);
      const gated = swiglu(layer.gate.forward(normed, pass), layer.up.forward(normed, pass));
      x = tf.add(x, layer.down.forward(gated, pass));
    }
    return rmsNorm(x, this.weights.norm, normEpsilon);
  }

  /** `x` `[rows × length, hidden]` -> the same shape. */
  #attend(layer: LlamaLayer, x: tf.Tensor2D, batch: Batch, shared: Shared, pass: Pass): tf.Tensor2D {
    const { angles, mask } = shared;
    const { heads, kvHeads, headDim } = this.config;
    const { rows, length } = batch;
    const split = (flat: tf.Tensor, count: number) =>
      tf.reshape(flat, [rows, length, count, headDim]) as tf.Tensor4D;
    const turned = (flat: tf.Tensor2D, count: number) =>
      split(rotary(tf.reshape(flat, [rows * length, count, headDim]), angles), count);
    const mixed = attention(
      turned(layer.query.forward(x, pass), heads),
      turned(layer.key.forward(x, pass), kvHeads),
      split(layer.value.forward(x, pass), kvHeads),
      { scale: 1 / Math.sqrt(headDim), mask },
    );
    return layer.attentionOutput.forward(tf.reshape(mixed, [rows * length, heads * headDim]), pass);
  }
}
