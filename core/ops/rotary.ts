import * as tf from '@tensorflow/tfjs';
import { dispatch } from './dispatch.js';

/** The angles of a rotary embedding: cosine and sine of position × frequency, each `[tokens, headDim / 2]`. */
export interface RotaryAngles {
  readonly cos: tf.Tensor2D;
  readonly sin: tf.Tensor2D;
}

/** `theta^(−2i / headDim)` for i = 0 … headDim/2 − 1: the frequencies of the original rotary embedding. */
export function rotaryFrequencies(headDim: number, theta: number): Float64Array {
  return Float64Array.from({ length: headDim / 2 }, (_, i) => theta ** ((-2 * i) / headDim));
}

/** The angles of every token, for its position. */
export function rotaryAngles(positions: Int32Array, frequencies: Float64Array): RotaryAngles {
  const size = positions.length * frequencies.length;
  const cos = new Float32Array(size);
  const sin = new Float32Array(size);
  for (let token = 0, at = 0; token < positions.length; token++) {
    for (const frequency of frequencies) {
      const angle = positions[token] * frequency;
      cos[at] = Math.cos(angle);
      sin[at++] = Math.sin(angle);
    }
  }
  const shape: [number, number] = [positions.length, frequencies.length];
  return { cos: tf.tensor2d(cos, shape), sin: tf.tensor2d(sin, shape) };
}

/**
 * Rotary position embedding, half form: element i of a head is paired with element i + headDim/2 (not with its
 * neighbour) and the pair turned by the token's i-th angle. Kernel: `Rotary`. Source: RoFormer (arXiv
 * 2104.09864); the pairing is that of transformers' LLaMA.
 *
 * @param x `[tokens, heads, headDim]`
 */
export function rotary(x: tf.Tensor3D, angles: RotaryAngles): tf.Tensor3D {
  const { cos, sin } = angles;
  return dispatch('Rotary', { x, cos, sin }, {}, () => {
    const [tokens, heads, headDim] = x.shape;
    const half = headDim / 2;
    const first = tf.slice(x, [0, 0, 0], [tokens, heads, half]);
    const second = tf.slice(x, [0, 0, half], [tokens, heads, half]);
    const c = tf.reshape(cos, [tokens, 1, half]);
    const s = tf.reshape(sin, [tokens, 1, half]);
    return tf.concat(
      [tf.sub(tf.mul(first, c), tf.mul(second, s)), tf.add(tf.mul(second, c), tf.mul(first, s))],
      2,
    ) as tf.Tensor3D;
  });
}
