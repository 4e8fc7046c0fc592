import {
  type AttentionLayout,
  attentionLayout,
  type Batch,
  type Pass,
  type RotaryAngles,
  rmsNorm,
  rotaryAngles,
  rotaryFrequencies,
  splitColumns,
  swiglu,
  tf,
} from '../../../../core/index.js';
import { attend, splitFused } from '../../kit/attention.js';
import { CausalModel } from '../../kit/causal-model.js';
import { COMPANIONS } from '../config.js';
import type { ChatGlm2Config } from './config.js';
import type { ChatGlm2Layer, ChatGlm2Weights } from './weights.js';

/**
 * ChatGLM2 and ChatGLM3: causal pre-norm layers of attention with few key-value heads and a SwiGLU feed-forward, their
 * projections fused; neighbours in the first half of a head are turned by their position, the second half stays. Held
 * in the tests to a reference of the model's own code.
 */
export class ChatGlm2Model extends CausalModel {
  readonly #frequencies: Float64Array;

  constructor(
    path: string,
    private readonly config: ChatGlm2Config,
    private readonly weights: ChatGlm2Weights,
  ) {
    const sites = weights.layers.flatMap((layer) => [
      layer.queryKeyValue,
      layer.attentionOutput,
      layer.gateAndUp,
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
    // The pairs of the second half have the frequency 0.
    this.#frequencies = new Float64Array(config.headDim / 2);
    const turned = rotaryFrequencies(config.headDim / 2, config.ropeBase);
    this.#frequencies.set(turned.map((frequency) => frequency / config.positionScale));
  }

  protected override hidden(batch: Batch, pass: Pass): tf.Tensor2D {
    const { embedding, layers, norm } = this.weights;
    const { normEpsilon, ffnSize, residualAfterNorm } = this.config;
    const angles = rotaryAngles(batch.positions, this.#frequencies);
    const layout = attentionLayout({ offsets: batch.offsets }, pass.cache);
    const run = (input: tf.Tensor2D, layer: ChatGlm2Layer, i: number): tf.Tensor2D => {
      const x = rmsNorm(input, layer.inputNorm, normEpsilon);
      const attended = this.#attend(layer, x, angles, layout, pass, i);
      const between = tf.add(residualAfterNorm ? x : input, attended) as tf.Tensor2D;
      const y = rmsNorm(between, layer.postAttentionNorm, normEpsilon);
      const [gate, up] = splitColumns(layer.gateAndUp.forward(y, pass), [ffnSize, ffnSize]);
      return tf.add(residualAfterNorm ? y : between, layer.down.forward(swiglu(gate, up), pass));
    };
    const x = this.throughLayers(embedding.forward(batch.inputIds, pass), layers, run, pass);
    return tf.tidy(() => rmsNorm(x, norm, normEpsilon));
  }

  /** `x` `[tokens, hidden]` -> the same shape. */
  #attend(
    layer: ChatGlm2Layer,
    x: tf.Tensor2D,
    angles: RotaryAngles,
    layout: AttentionLayout,
    pass: Pass,
    index: number,
  ): tf.Tensor2D {
    return attend(
      splitFused(layer.queryKeyValue.forward(x, pass), this.config, this.config.fusedGroups),
      {
        layout,
        rotary: { angles, form: 'interleaved' },
        precisionOf: layer.queryKeyValue.weight,
        output: layer.attentionOutput,
        layer: index,
      },
      pass,
    );
  }
}
