import type { tf } from '../base/tf.js';
import { crossEntropy } from '../ops/cross-entropy.js';
import type { FrozenWeight } from '../ops/frozen-weight.js';
import { linear } from '../ops/linear.js';
import { linearCrossEntropy } from '../ops/linear-cross-entropy.js';
import type { Pass } from './pass.js';

/** What an adapter puts in the place of a linear layer's product. */
export interface LinearAdapter {
  /** `x` is `[tokens, in]`; the result `[tokens, out]`. */
  forward(x: tf.Tensor2D, site: LinearSite, pass: Pass): tf.Tensor2D;
  /** For an output layer: the summed cross-entropy of what `forward` yields, if the adapter can compute it for less. */
  crossEntropy?(x: tf.Tensor2D, site: LinearSite, labels: Int32Array, pass: Pass): tf.Scalar | undefined;
  /**
   * Adds the adapter's part to `rows`: rows `start` … `end` − 1 of the layer's weight, in fp32. An adapter without this
   * method cannot be merged.
   */
  mergeInto?(rows: Float32Array, start: number, end: number): void;
  /** The adapter as a product of two narrow matrices, if it is one: other programs take such adapters beside their model. */
  lowRank?(): LowRank;
}

/** What an adapter adds to a layer's weight: `scale` · b a. */
export interface LowRank {
  readonly rank: number;
  readonly scale: number;
  /** `[rank, in]` */
  readonly a: Float32Array;
  /** `[out, rank]` */
  readonly b: Float32Array;
}

/** In which order a checkpoint keeps the two sides of a linear layer's weight; GPT-2's Conv1D has `[in, out]`. */
export type LinearLayout = 'out-in' | 'in-out';

/** A linear layer of a model: what quantizers and adapters find by its name. */
export class LinearSite {
  /** Set by an adapter plugin. */
  adapter: LinearAdapter | undefined;

  constructor(
    /** The module's name as PEFT sees it: `model.layers.0.self_attn.q_proj`. */
    readonly name: string,
    /** `[out, in]`, whatever the checkpoint has. A quantizer replaces it by a smaller one, a device by one of its own. */
    public weight: FrozenWeight,
    readonly bias: tf.Tensor1D | null = null,
    /** The layer that yields the logits: quantizers leave its weight as it is, `all-linear` leaves it out. */
    readonly isOutput = false,
    /** How the checkpoint keeps the weight. What is saved is kept in the same way. */
    readonly layout: LinearLayout = 'out-in',
  ) {}

  /** `x` `[tokens, in]` -> `[tokens, out]`, through the adapter if there is one and the pass takes adapters. */
  forward(x: tf.Tensor2D, pass: Pass): tf.Tensor2D {
    const { adapter } = this;
    return adapter && !pass.withoutAdapters
      ? adapter.forward(x, this, pass)
      : linear(x, this.weight, this.bias);
  }

  /** The summed cross-entropy of `forward(x)` as logits: `x` `[tokens, in]` and `labels` `[tokens]` -> a scalar, in nats. It tells `pass.tellLosses`. */
  crossEntropy(x: tf.Tensor2D, labels: Int32Array, pass: Pass): tf.Scalar {
    const { adapter } = this;
    const { training, tellLosses } = pass;
    if (!adapter || pass.withoutAdapters)
      return linearCrossEntropy(x, this.weight, this.bias, labels, training, tellLosses);
    return (
      adapter.crossEntropy?.(x, this, labels, pass) ??
      crossEntropy(adapter.forward(x, this, pass), labels, tellLosses)
    );
  }
}
