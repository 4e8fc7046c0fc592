import { tf } from '../base/tf.js';
import { dispatch } from './dispatch.js';

/** The angles of a rotary embedding: cosine and sine of position × frequency, each `[tokens, headDim / 2]`. */
export interface RotaryAngles {
  readonly cos: tf.Tensor2D;
  readonly sin: tf.Tensor2D;
}

/**
 * Which elements of a head are paired. `half`: element i with i + headDim/2. `twoDimensional`: the same within each half of the
 * head; the first half is turned by the first headDim/4 angles, the second by the others. `interleaved`: element 2i with 2i + 1.
 */
export type RotaryForm = 'half' | 'twoDimensional' | 'interleaved';

declare module './kernels.js' {
  interface Kernels {
    Rotary: {
      inputs: { x: tf.Tensor3D; cos: tf.Tensor2D; sin: tf.Tensor2D };
      /** A head has `parts` parts. Within each part, element i is paired with i + part/2. */
      attrs: { parts: number };
    };
  }
}

/** `theta^(−2i / dim)` for i = 0 … dim/2 − 1: the frequencies of the original rotary embedding of `dim` elements. */
export function rotaryFrequencies(dim: number, theta: number): Float64Array {
  return Float64Array.from({ length: dim / 2 }, (_, i) => theta ** ((-2 * i) / dim));
}

/**
 * The angles of every token, for its position. Cosine and sine are multiplied by `scale`.
 *
 * @param positions `[tokens]`
 * @param frequencies `[headDim / 2]`
 */
export function rotaryAngles(positions: Int32Array, frequencies: Float64Array, scale = 1): RotaryAngles {
  return anglesOf([positions], frequencies, scale);
}

/**
 * The angles of every token for two positions: those of the first, then those of the second. The form `twoDimensional` takes
 * them. Each position has the frequencies of headDim / 2 elements.
 *
 * @param first `[tokens]`
 * @param second `[tokens]`
 * @param frequencies `[headDim / 4]`
 * @throws RangeError if there are not as many second positions as first ones
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
  // The rows of a batch have the same positions.
  const done = new Map<number, number>();
  let at = 0;
  for (let token = 0; token < shape[0]; token++) {
    for (const list of positions) {
      const position = list[token];
      const from = done.get(position);
      if (from === undefined) done.set(position, at);
      for (let i = 0; i < frequencies.length; i++, at++) {
        cos[at] = from === undefined ? scale * Math.cos(position * frequencies[i]) : cos[from + i];
        sin[at] = from === undefined ? scale * Math.sin(position * frequencies[i]) : sin[from + i];
      }
    }
  }
  return { cos: tf.tensor2d(cos, shape), sin: tf.tensor2d(sin, shape) };
}

/**
 * Rotary position embedding: the elements of a head are paired, and each pair is turned by one of the token's angles. A
 * frequency of 0 leaves a pair as it is. Kernel: `Rotary`. Source: RoFormer (arXiv 2104.09864), which pairs neighbours
 * (`interleaved`); transformers pairs the halves of a head (`half`), and GLM those of each half (`twoDimensional`).
 *
 * @param x `[tokens, heads, headDim]`
 * @throws RangeError if the angles do not fit x
 */
export function rotary(x: tf.Tensor3D, angles: RotaryAngles, form: RotaryForm = 'half'): tf.Tensor3D {
  const { cos, sin } = angles;
  const [tokens, heads, headDim] = x.shape;
  for (const { shape } of [cos, sin]) {
    if (shape[0] === tokens && 2 * shape[1] === headDim) continue;
    throw new RangeError(`rotary: angles [${shape}] do not fit x [${x.shape}]`);
  }
  if (form === 'twoDimensional' && headDim % 4 !== 0) {
    throw new RangeError(`rotary: a head of ${headDim} does not divide into two halves of pairs`);
  }
  const parts = { half: 1, twoDimensional: 2, interleaved: headDim / 2 }[form];
  return dispatch('Rotary', { x, cos, sin }, { parts }, () => {
    const divided = tf.reshape(x, [tokens, heads, parts, headDim / parts]);
    const [first, second] = tf.split(divided, 2, 3);
    const [c, s] = [cos, sin].map((list) => tf.reshape(list, [tokens, 1, parts, headDim / parts / 2]));
    const turned = [tf.sub(tf.mul(first, c), tf.mul(second, s)), tf.add(tf.mul(second, c), tf.mul(first, s))];
    return tf.reshape(tf.concat(turned, 3), [tokens, heads, headDim]);
  });
}
