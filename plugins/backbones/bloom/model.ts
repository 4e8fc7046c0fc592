import {
  type AttentionLayout,
  attentionLayout,
  type Batch,
  gelu,
  layerNorm,
  type Pass,
  tf,
} from '../../../core/index.js';
import { attend, splitFused } from '../kit/attention.js';
import { CausalModel } from '../kit/causal-model.js';
import type { LayerNormWeights } from '../kit/weight-reader.js';
import { alibiSlopes } from './alibi.js';
import type { BloomConfig } from './config.js';
import type { BloomLayer, BloomWeights } from './weights.js';

/**
 * BLOOM: layers of attention that knows positions by ALiBi alone, and a feed-forward with GELU, all with biases; the
 * embedding is normalized. Source: arXiv 2211.05100; held to transformers' BloomForCausalLM in the tests.
 */
export class BloomModel extends CausalModel {
  readonly #slopes: Float32Array;

  constructor(
    path: string,
    private readonly config: BloomConfig,
    private readonly weights: BloomWeights,
  ) {
    const sites = weights.layers.flatMap((layer) => [
      layer.queryKeyValue,
      layer.attentionOutput,
      layer.up,
      layer.down,
    ]);
    super({
      backbone: 'bloom',
      path,
      maxLength: config.maxPositions,
      linears: [...sites, weights.output],
      embeddings: [weights.embedding],
      vectors: weights.vectors,
      targetModules: ['query_key_value'],
      output: weights.output,
    });
    this.#slopes = alibiSlopes(config.heads);
  }

  protected override hidden(batch: Batch, pass: Pass): tf.Tensor2D {
    const { embedding, embeddingNorm, layers, norm } = this.weights;
    const { residualAfterNorm } = this.config;
    const layout = attentionLayout({ offsets: batch.offsets, slopes: this.#slopes }, pass.cache);
    const run = (input: tf.Tensor2D, layer: BloomLayer, i: number): tf.Tensor2D => {
      const normed = this.#normalize(input, layer.inputNorm);
      const attended = this.#attend(layer, normed, layout, pass, i);
      const x = tf.add(residualAfterNorm ? normed : input, attended) as tf.Tensor2D;
      const again = this.#normalize(x, layer.postAttentionNorm);
      const forwarded = layer.down.forward(gelu(layer.up.forward(again, pass)), pass);
      return tf.add(residualAfterNorm ? again : x, forwarded);
    };
    const embedded = tf.tidy(() => this.#normalize(embedding.forward(batch.inputIds, pass), embeddingNorm));
    const x = this.throughLayers(embedded, layers, run, pass);
    return tf.tidy(() => this.#normalize(x, norm));
  }

  #normalize(x: tf.Tensor2D, { weight, bias }: LayerNormWeights): tf.Tensor2D {
    return layerNorm(x, weight, bias, this.config.normEpsilon);
  }

  /** `x` `[tokens, hidden]` -> the same shape. */
  #attend(
    layer: BloomLayer,
    x: tf.Tensor2D,
    layout: AttentionLayout,
    pass: Pass,
    index: number,
  ): tf.Tensor2D {
    const { heads } = this.config;
    return attend(
      splitFused(layer.queryKeyValue.forward(x, pass), this.config, heads),
      {
        layout,
        precisionOf: layer.queryKeyValue.weight,
        output: layer.attentionOutput,
        layer: index,
      },
      pass,
    );
  }
}
