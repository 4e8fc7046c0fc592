import type { tf } from '../../../../core/index.js';
import { type Cuda, gradient, kernel, sizeOf, tensorOf, typed } from './kit.js';

/** Turning back by the same angles is the gradient. The angles take none. */
export function registerRotary({ backend }: Cuda): void {
  const turn = (x: tf.TensorInfo, cos: tf.TensorInfo, sin: tf.TensorInfo, parts: number, sign: number) => {
    const [tokens, heads, headDim] = x.shape;
    const array = backend.arrayOf(x);
    const y = backend.output(x.shape, array.type);
    const [cosines, sines] = [cos, sin].map((info) => backend.float32Of(info).pointer);
    const shape = [tokens, heads, headDim, parts];
    const rotary = backend.driver.kernel('rotary');
    rotary.overElements(sizeOf(x) / 2, ...typed(array), cosines, sines, ...shape, sign, ...typed(y.array));
    return y.info;
  };
  kernel('Rotary', ({ x, cos, sin }, { parts }) => turn(x, cos, sin, parts, 1));
  gradient('Rotary', { inputs: ['cos', 'sin'] }, ([dy], [cos, sin], { parts }) => ({
    x: () => tensorOf(turn(dy, cos, sin, parts, -1)),
  }));
}
