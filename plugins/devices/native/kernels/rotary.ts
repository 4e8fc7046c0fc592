import type { tf } from '../../../../core/index.js';
import { gradient, kernel, type Native, tensorOf } from './kit.js';

/** Turning back by the same angles is the gradient. The angles take none. */
export function registerRotary({ backend }: Native): void {
  const turn = (x: tf.TensorInfo, cos: tf.TensorInfo, sin: tf.TensorInfo, parts: number, sign: number) => {
    const [tokens, heads, headDim] = x.shape;
    const y = backend.output(x.shape);
    const [values, cosines, sines] = [x, cos, sin].map((info) => backend.floats(info));
    backend.addon.rotary(values, cosines, sines, tokens, heads, headDim, parts, sign, y.values);
    return y.info;
  };
  kernel('Rotary', ({ x, cos, sin }, { parts }) => turn(x, cos, sin, parts, 1));
  gradient('Rotary', { inputs: ['cos', 'sin'] }, ([dy], [cos, sin], { parts }) => ({
    x: () => tensorOf(turn(dy, cos, sin, parts, -1)),
  }));
}
