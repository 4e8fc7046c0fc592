import {
  type Batch,
  type CachePass,
  checkpoint,
  type EmbeddingSite,
  type EncodedExample,
  IGNORED,
  type LanguageModel,
  type LinearSite,
  labelsOf,
  logProbabilities,
  type Pass,
  selectRows,
  tf,
} from '../../../core/index.js';

/** What a causal model is made of, apart from its layers. */
export interface CausalModelParts
  extends Pick<
    LanguageModel,
    | 'backbone'
    | 'path'
    | 'maxLength'
    | 'limitedBy'
    | 'linears'
    | 'embeddings'
    | 'vectors'
    | 'targetModules'
    | 'companions'
  > {
  /** From the last hidden state to the logits; one of `linears`. */
  readonly output: LinearSite;
}

/**
 * A language model that predicts each token from those before it. A backbone extends it with the way from tokens to hidden
 * states.
 */
export abstract class CausalModel implements LanguageModel {
  readonly backbone: string;
  readonly path: string;
  name: string;
  readonly maxLength: number;
  readonly limitedBy: LanguageModel['limitedBy'];
  readonly linears: readonly LinearSite[];
  readonly embeddings: readonly EmbeddingSite[];
  readonly vectors: LanguageModel['vectors'];
  readonly targetModules: LanguageModel['targetModules'];
  readonly companions: LanguageModel['companions'];
  readonly trainable = new Map<string, tf.Variable>();
  saves: LanguageModel['saves'] = 'adapter';

  constructor(private readonly parts: CausalModelParts) {
    ({
      backbone: this.backbone,
      path: this.path,
      maxLength: this.maxLength,
      limitedBy: this.limitedBy,
      linears: this.linears,
      embeddings: this.embeddings,
      vectors: this.vectors,
      targetModules: this.targetModules,
      companions: this.companions,
    } = parts);
    this.name = parts.path;
  }

  /**
   * The last hidden states, normalized, `[tokens, hidden]`. With `pass.cache` the batch has only the tokens that are
   * not cached, `pass.cache.whole` all of them, and every layer's attention gets its `pass.cache.layer(i)`.
   */
  protected abstract hidden(batch: Batch, pass: Pass): tf.Tensor2D;

  /**
   * Runs `x` through the layers, each in a scope of its own, so that of a layer only what gradients need outlives it;
   * with checkpointing that is its input alone. `x` is freed.
   *
   * @param x `[tokens, hidden]`
   * @param run layer `index`: `x` -> the same shape. What it takes besides is made before.
   */
  protected throughLayers<L>(
    x: tf.Tensor2D,
    layers: readonly L[],
    run: (x: tf.Tensor2D, layer: L, index: number) => tf.Tensor2D,
    pass: Pass,
  ): tf.Tensor2D {
    let hidden = x;
    for (const [i, layer] of layers.entries()) {
      const input = hidden;
      hidden = pass.checkpointing
        ? checkpoint((again) => run(again, layer, i), input)
        : tf.tidy(() => run(input, layer, i));
      if (hidden !== input) input.dispose();
    }
    return hidden;
  }

  collate(examples: readonly EncodedExample[]): Batch {
    return concatenate(examples);
  }

  crossEntropy(batch: Batch, pass: Pass): tf.Scalar {
    return this.#atTargets(batch, pass, (x, labels) => this.parts.output.crossEntropy(x, labels, pass));
  }

  logProbabilities(batch: Batch, pass: Pass): tf.Tensor1D {
    return this.#atTargets(batch, pass, (x, labels) =>
      logProbabilities(this.parts.output.forward(x, pass), labels),
    );
  }

  logits(batch: Batch, pass: Pass, positions?: Int32Array): tf.Tensor2D {
    const hidden = this.#checked(batch, pass);
    return this.parts.output.forward(positions ? selectRows(hidden, positions) : hidden, pass);
  }

  nextLogits(batch: Batch, cache?: CachePass): tf.Tensor2D {
    const pass: Pass = { training: false, seed: 0, checkpointing: false, cache };
    const hidden = this.hidden(batch, pass);
    const last = batch.offsets.subarray(1).map((end) => end - 1);
    return this.parts.output.forward(
      last.length === hidden.shape[0] ? hidden : selectRows(hidden, last),
      pass,
    );
  }

  /**
   * What `f` makes of the hidden states `[targets, hidden]` that predict a label, and of the labels: the output layer, by
   * far the widest, sees no others.
   */
  #atTargets<T extends tf.Tensor>(batch: Batch, pass: Pass, f: (x: tf.Tensor2D, labels: Int32Array) => T): T {
    const positions = new Int32Array(batch.targets);
    const labels = new Int32Array(batch.targets);
    let count = 0;
    for (let at = 0; at < batch.labels.length; at++) {
      if (batch.labels[at] === IGNORED) continue;
      positions[count] = at - 1;
      labels[count++] = batch.labels[at];
    }
    const hidden = this.#checked(batch, pass);
    // A scope of its own: the logits are freed as soon as the result is there.
    return tf.tidy(() => f(selectRows(hidden, positions), labels));
  }

  /** The hidden states of a pass that the model can do. */
  #checked(batch: Batch, pass: Pass): tf.Tensor2D {
    if (pass.withoutAdapters && this.saves === 'model') {
      throw new Error(
        'a pass without adapters was asked for, but the adapter trains the weights themselves: there is no model without it',
      );
    }
    return this.hidden(batch, pass);
  }

  dispose(): void {
    for (const variable of new Set([...this.vectors.values(), ...this.trainable.values()]))
      variable.dispose();
  }
}

/**
 * Sequences one after another: all arrays are `[tokens]` but the offsets, `[sequences + 1]`. Positions begin anew with
 * each sequence, whose first label is IGNORED: there is nothing before it that could predict it.
 */
export function concatenate(examples: readonly EncodedExample[]): Batch {
  const offsets = new Int32Array(examples.length + 1);
  for (const [s, { inputIds }] of examples.entries()) offsets[s + 1] = offsets[s] + inputIds.length;
  const tokens = offsets[examples.length];
  const inputIds = new Int32Array(tokens);
  const labels = new Int32Array(tokens);
  const positions = new Int32Array(tokens);
  for (const [s, example] of examples.entries()) {
    const [start, end] = offsets.subarray(s, s + 2);
    inputIds.set(example.inputIds, start);
    labels.set(labelsOf(example), start);
    labels[start] = IGNORED;
    for (let at = start; at < end; at++) positions[at] = at - start;
  }
  const targets = labels.reduce((count, label) => count + Number(label !== IGNORED), 0);
  return { inputIds, labels, positions, offsets, targets };
}
