import * as tf from '@tensorflow/tfjs';
import { dispatch } from './dispatch.js';

/** The angles of a rotary embedding: cosine and sine of position × frequency, each `[tokens, headDim / 2]`. */
export interface RotaryAngles {
  readonly cos: tf.Tensor2D;
  readonly sin: tf.Tensor2D;
}

/**
 * Which elements of a head are paired: `half` element i with i + headDim/2; `twoDimensional` the same within each half
 * of the head, of which the first is turned by the first headDim/4 angles, the second by the others.
 */
export type RotaryForm = 'half' | 'twoDimensional';

/** `theta^(−2i / dim)` for i = 0 … dim/2 − 1: the frequencies of the original rotary embedding of `dim` elements. */
export function rotaryFrequencies(dim: number, theta: number): Float64Array {
  return Float64Array.from({ length: dim / 2 }, (_, i) => theta ** ((-2 * i) / dim));
}

/** The angles of every token, for its position; cosine and sine are multiplied with `scale`. */
export function rotaryAngles(positions: Int32Array, frequencies: Float64Array, scale = 1): RotaryAngles {
  return anglesOf([positions], frequencies, scale);
}

/**
 * The angles of every token for two positions, those of the first before those of the second: what the form
 * `twoDimensional` takes. ChatGLM-6B's are the position in the text and the position in the answer, with the
 * frequencies of headDim / 2 elements.
 */
export function twoDimensionalRotaryAngles(
  first: Int32Array,
  second: Int32Array,
  frequencies: Float64Array,
): RotaryAngles {
  if (first.length !== second.length) {
    throw new RangeError(
      `twoDimensionalRotaryAngles: ${first.length} first positions do not fit ${second.length} second ones`,
    );
  }
  return anglesOf([first, second], frequencies);
}

/** A token's angles for each of its positions, one after another. */
function anglesOf(positions: readonly Int32Array[], frequencies: Float64Array, scale = 1): RotaryAngles {
  const shape: [number, number] = [positions[0].length, positions.length * frequencies.length];
  const cos = new Float32Array(shape[0] * shape[1]);
  const sin = new Float32Array(cos.length);
  let at = 0;
  for (let token = 0; token < shape[0]; token++) {
    for (const list of positions) {
      for (const frequency of frequencies) {
        const angle = list[token] * frequency;
        cos[at] = scale * Math.cos(angle);
        sin[at++] = scale * Math.sin(angle);
      }
    }
  }
  return { cos: tf.tensor2d(cos, shape), sin: tf.tensor2d(sin, shape) };
}

/**
 * Rotary position embedding: the elements of a head are paired (with none of them neighbours), and each pair turned
 * by an angle of the token's. Kernel: `Rotary`. Source: RoFormer (arXiv 2104.09864); the pairings are those of
 * transformers' LLaMA (`half`) and of ChatGLM-6B (`twoDimensional`).
 *
 * @param x `[tokens, heads, headDim]`
 * @throws RangeError where the angles do not fit x
 */
export function rotary(x: tf.Tensor3D, angles: RotaryAngles, form: RotaryForm = 'half'): tf.Tensor3D {
  const { cos, sin } = angles;
  const [tokens, , headDim] = x.shape;
  for (const { shape } of [cos, sin]) {
    if (shape[0] === tokens && 2 * shape[1] === headDim) continue;
    throw new RangeError(`rotary: angles [${shape}] do not fit x [${x.shape}]`);
  }
  if (form === 'twoDimensional' && headDim % 4 !== 0) {
    throw new RangeError(`rotary: a head of ${headDim} does not divide into two halves of pairs`);
  }
  return dispatch('Rotary', { x, cos, sin }, { form }, () => {
    if (form === 'half') return turned(x, cos, sin);
    const halves = tf.split<tf.Tensor3D>(x, 2, 2);
    const [cosines, sines] = [cos, sin].map((list) => tf.split<tf.Tensor2D>(list, 2, 1));
    return tf.concat(
      halves.map((half, i) => turned(half, cosines[i], sines[i])),
      2,
    );
  });
}

/** The half form, for any number of elements. */
function turned(x: tf.Tensor3D, cos: tf.Tensor2D, sin: tf.Tensor2D): tf.Tensor3D {
  const [first, second] = tf.split<tf.Tensor3D>(x, 2, 2);
  const [c, s] = [cos, sin].map((angles) => tf.expandDims(angles, 1));
  return tf.concat(
    [tf.sub(tf.mul(first, c), tf.mul(second, s)), tf.add(tf.mul(second, c), tf.mul(first, s))],
    2,
  ) as tf.Tensor3D;
}
