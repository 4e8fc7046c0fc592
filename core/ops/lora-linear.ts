import { tf } from '../base/tf.js';
import { dispatch } from './dispatch.js';
import { dropout } from './dropout.js';
import type { FrozenWeight } from './frozen-weight.js';
import { linear } from './linear.js';

/** The low-rank branch of a linear layer. */
export interface LoraBranch {
  /** `[r, in]` */
  readonly a: tf.Tensor2D;
  /** `[out, r]` */
  readonly b: tf.Tensor2D;
  /** alpha / r */
  readonly scaling: number;
  /** The share of the branch's inputs that is dropped; 0 outside training. */
  readonly dropout: number;
  /** The seed of the dropout's mask. */
  readonly seed: number;
}

declare module './kernels.js' {
  interface Kernels {
    LoraLinear: {
      inputs: { x: tf.Tensor2D } & Pick<LoraBranch, 'a' | 'b'>;
      attrs: { weight: FrozenWeight; bias: tf.Tensor1D | null } & Omit<LoraBranch, 'a' | 'b'>;
    };
  }
}

/**
 * A frozen linear layer with a low-rank branch: `y = x Wᵀ + b + scaling · (dropout(x) Aᵀ) Bᵀ`. Gradients go to
 * `x`, `a` and `b`. Kernel: `LoraLinear`. Source: LoRA (arXiv 2106.09685), as PEFT computes it.
 *
 * @param x `[tokens, in]`
 * @param weight `[out, in]`
 * @returns `[tokens, out]`
 * @throws RangeError if x and weight do not fit together, or the dropout is not in [0, 1)
 */
export function loraLinear(
  x: tf.Tensor2D,
  weight: FrozenWeight,
  bias: tf.Tensor1D | null,
  branch: LoraBranch,
): tf.Tensor2D {
  const { a, b, scaling } = branch;
  const attrs = { weight, bias, scaling, dropout: branch.dropout, seed: branch.seed };
  return dispatch('LoraLinear', { x, a, b }, attrs, () => {
    const down = tf.matMul(dropout(x, branch.dropout, branch.seed), a, false, true);
    const delta = tf.mul(tf.matMul(down, b, false, true), scaling);
    return tf.add(linear(x, weight, bias), delta);
  });
}
