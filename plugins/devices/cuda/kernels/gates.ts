import type { KernelAttrs, tf } from '../../../../core/index.js';
import { allTyped, type Cuda, gradient, kernel, sizeOf, tensorOf, typed } from './kit.js';

/** SwiGLU, GELU and dropout. */
export function registerGates(cuda: Cuda): void {
  const { backend } = cuda;
  const { driver } = backend;

  kernel('SwiGlu', ({ gate, up }) => {
    const y = backend.output(gate.shape, cuda.between);
    const inputs = [gate, up].map((x) => backend.arrayOf(x));
    driver.kernel('swiglu').overElements(sizeOf(gate), ...allTyped(...inputs, y.array), sizeOf(gate));
    return y.info;
  });
  gradient('SwiGlu', { inputs: ['gate', 'up'] }, ([dy], [gate, up]) => {
    const [dgate, dup] = [gate, up].map(({ shape }) => backend.output(shape, cuda.between));
    const inputs = [gate, up, dy].map((x) => backend.arrayOf(x));
    const swigluGradient = driver.kernel('swigluGradient');
    const outputs = [dgate.array.pointer, ...typed(dup.array)];
    swigluGradient.overElements(gate.size, ...allTyped(...inputs), ...outputs, gate.size);
    const [byGate, byUp] = [dgate, dup].map(({ info }) => tensorOf(info));
    return { gate: () => byGate, up: () => byUp };
  });

  kernel('Gelu', ({ x }) => {
    const y = backend.output(x.shape, cuda.between);
    driver.kernel('gelu').overElements(sizeOf(x), ...allTyped(backend.arrayOf(x), y.array), sizeOf(x));
    return y.info;
  });
  gradient('Gelu', { inputs: ['x'] }, ([dy], [x]) => ({
    x: () => {
      const dx = backend.output(x.shape, cuda.between);
      const inputs = [x, dy].map((info) => backend.arrayOf(info));
      driver.kernel('geluGradient').overElements(x.size, ...allTyped(...inputs, dx.array), x.size);
      return tensorOf(dx.info);
    },
  }));

  const drop = (x: tf.TensorInfo, { rate, seed }: KernelAttrs<'SeededDropout'>) => {
    const array = backend.arrayOf(x);
    const y = backend.output(x.shape, array.type);
    const mask = dropoutArguments(rate, seed);
    driver.kernel('dropout').overElements(sizeOf(x), ...typed(array), ...mask, ...typed(y.array), sizeOf(x));
    return y.info;
  };
  kernel('SeededDropout', ({ x }, attrs) => drop(x, attrs));
  gradient('SeededDropout', {}, ([dy], _, attrs) => ({ x: () => tensorOf(drop(dy, attrs)) }));
}

/** Threshold, factor of what is kept, and seed, as the kernel `dropout` takes them. */
export function dropoutArguments(
  rate: number,
  seed: number,
): [threshold: number, kept: number, seed: number] {
  // An element is dropped if its 32 bits are below the rate's share of them: below a whole number, rounded up.
  return [Math.ceil(rate * 2 ** 32), 1 / (1 - rate), seed >>> 0];
}
