import { tf } from '../base/tf.js';
import { dispatch } from './dispatch.js';
import { type FrozenWeight, toFloat32 } from './frozen-weight.js';

declare module './kernels.js' {
  interface Kernels {
    FrozenLinear: {
      inputs: { x: tf.Tensor2D };
      attrs: { weight: FrozenWeight; bias: tf.Tensor1D | null };
    };
  }
}

/**
 * A linear layer on a frozen weight: `y = x Wᵀ + b`. The weight is stored once, `[out, in]`, and used for both directions
 * (`dx = dy W`). Neither weight nor bias takes a gradient. Kernel: `FrozenLinear`.
 *
 * @param x `[tokens, in]`
 * @param weight `[out, in]`
 * @param bias `[out]` or null
 * @returns `[tokens, out]`
 * @throws RangeError if x and weight do not fit together
 */
export function linear(x: tf.Tensor2D, weight: FrozenWeight, bias: tf.Tensor1D | null = null): tf.Tensor2D {
  if (x.shape[1] !== weight.shape[1]) {
    throw new RangeError(`linear: x [${x.shape}] does not fit a weight [${weight.shape}]`);
  }
  return dispatch('FrozenLinear', { x }, { weight, bias }, () => {
    const product = tf.customGrad((input) => ({
      value: timesDense(input as tf.Tensor2D, weight, true),
      gradFunc: (dy: tf.Tensor) => timesDense(dy as tf.Tensor2D, weight, false),
    }))(x) as tf.Tensor2D;
    return bias ? tf.add(product, bias) : product;
  });
}

/** `x Wᵀ` or `x W`. The weight is fp32 only during the product. */
function timesDense(x: tf.Tensor2D, weight: FrozenWeight, transpose: boolean): tf.Tensor2D {
  return tf.tidy(() => tf.matMul(x, tf.tensor2d(toFloat32(weight), [...weight.shape]), false, transpose));
}
