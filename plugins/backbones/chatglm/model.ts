import {
  type AttentionLayout,
  attentionLayout,
  type Batch,
  decodeFloats,
  encodeFloats,
  gelu,
  layerNorm,
  type Pass,
  type RotaryAngles,
  rotaryFrequencies,
  tf,
  twoDimensionalRotaryAngles,
} from '../../../core/index.js';
import { attend, splitFused } from '../kit/attention.js';
import { CausalModel } from '../kit/causal-model.js';
import type { LayerNormWeights } from '../kit/weight-reader.js';
import { type ChatGlmConfig, COMPANIONS } from './config.js';
import { prefixPositions } from './positions.js';
import type { ChatGlmLayer, ChatGlmWeights } from './weights.js';

/** Where each token stands, and what each may attend to: the same for all layers. */
interface Surroundings {
  readonly angles: RotaryAngles;
  readonly layout: AttentionLayout;
}

/**
 * ChatGLM-6B: a context that sees itself both ways, then an answer from left to right; rotary positions of two
 * dimensions; layers whose residual is the normalized input times sqrt(2 · layers). Its implementation divides queries
 * by the layer's number and multiplies scores by it again, to stay within the range of fp16: in fp32 that is nothing.
 * Source: GLM (arXiv 2103.10360, 2210.02414) and the model's own code; held to a reference of it in the tests.
 */
export class ChatGlmModel extends CausalModel {
  readonly #frequencies: Float64Array;
  readonly #alpha: number;

  constructor(
    path: string,
    private readonly config: ChatGlmConfig,
    private readonly weights: ChatGlmWeights,
  ) {
    const sites = weights.layers.flatMap((layer) => [
      layer.queryKeyValue,
      layer.attentionOutput,
      layer.up,
      layer.down,
    ]);
    super({
      backbone: 'chatglm',
      path,
      maxLength: config.maxPositions,
      linears: [...sites, weights.output],
      embeddings: [weights.embedding],
      vectors: weights.vectors,
      targetModules: ['query_key_value'],
      companions: COMPANIONS,
      output: weights.output,
    });
    this.#frequencies = halves(rotaryFrequencies(config.headDim / 2, 10_000));
    this.#alpha = Math.sqrt(2 * config.layers);
  }

  protected override hidden(batch: Batch, pass: Pass): tf.Tensor2D {
    const { embedding, layers, norm } = this.weights;
    const { cache } = pass;
    const { positions, blockPositions, prefixes } = prefixPositions(
      cache?.whole ?? batch,
      this.config.markers,
    );
    const ofBatch = (values: Int32Array) => cache?.pick(values) ?? values;
    const angles = twoDimensionalRotaryAngles(ofBatch(positions), ofBatch(blockPositions), this.#frequencies);
    const layout = attentionLayout({ offsets: batch.offsets, prefixes }, cache);
    const around: Surroundings = { angles, layout };
    const run = (input: tf.Tensor2D, layer: ChatGlmLayer, i: number): tf.Tensor2D => {
      const x = this.#norm(input, layer.inputNorm);
      const attended = this.#residual(x, this.#attend(layer, x, around, pass, i));
      const y = this.#norm(attended, layer.postAttentionNorm);
      return this.#residual(y, layer.down.forward(gelu(layer.up.forward(y, pass)), pass));
    };
    const x = this.throughLayers(embedding.forward(batch.inputIds, pass), layers, run, pass);
    return tf.tidy(() => this.#norm(x, norm));
  }

  #norm(x: tf.Tensor2D, { weight, bias }: LayerNormWeights): tf.Tensor2D {
    return layerNorm(x, weight, bias, this.config.normEpsilon);
  }

  #residual(x: tf.Tensor2D, change: tf.Tensor2D): tf.Tensor2D {
    return tf.add(tf.mul(x, this.#alpha), change);
  }

  /** `x` `[tokens, hidden]` -> the same shape. */
  #attend(
    layer: ChatGlmLayer,
    x: tf.Tensor2D,
    { angles, layout }: Surroundings,
    pass: Pass,
    index: number,
  ): tf.Tensor2D {
    const { heads } = this.config;
    return attend(
      splitFused(layer.queryKeyValue.forward(x, pass), this.config, heads),
      {
        layout,
        rotary: { angles, form: 'twoDimensional' },
        precisionOf: layer.queryKeyValue.weight,
        output: layer.attentionOutput,
        layer: index,
      },
      pass,
    );
  }
}

/** Rounded to the nearest halves. The model's own code rounds its frequencies so, in whatever precision it computes. */
function halves(frequencies: Float64Array): Float64Array {
  const rounded = new Float32Array(frequencies.length);
  decodeFloats('f16', encodeFloats('f16', Float32Array.from(frequencies)), rounded);
  return Float64Array.from(rounded);
}
