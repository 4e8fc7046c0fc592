import {
  addBias,
  type EmbeddingAdapter,
  type FrozenWeight,
  type LinearAdapter,
  type LinearSite,
  type Pass,
  selectRows,
  tf,
  toFloat32,
  trainableLinearCrossEntropy,
} from '../../../core/index.js';

/** A matrix that is trained. */
export type Matrix = tf.Variable<tf.Rank.R2>;

/** Starts as `weight`. */
export function variableOf(weight: FrozenWeight): Matrix {
  return tf.tidy(() => tf.variable(tf.tensor2d(toFloat32(weight), [...weight.shape])));
}

/** A linear layer, `y = x Wᵀ + b`, whose weight `[out, in]` and bias are trained. */
export class TrainableLinear implements LinearAdapter {
  constructor(private readonly weight: Matrix) {}

  forward(x: tf.Tensor2D, { bias }: LinearSite): tf.Tensor2D {
    const product = tf.matMul(x, this.weight as tf.Tensor2D, false, true) as tf.Tensor2D;
    return bias ? addBias(product, bias) : product;
  }

  crossEntropy(x: tf.Tensor2D, { bias }: LinearSite, labels: Int32Array, pass: Pass): tf.Scalar | undefined {
    if (bias) return undefined;
    return trainableLinearCrossEntropy(x, this.weight as tf.Tensor2D, labels, pass.training, pass.tellLosses);
  }
}

/** An embedding whose weight `[vocabulary, hidden]` is trained. */
export class TrainableEmbedding implements EmbeddingAdapter {
  constructor(private readonly weight: Matrix) {}

  forward(ids: Int32Array): tf.Tensor2D {
    return selectRows(this.weight as tf.Tensor2D, ids);
  }
}
