import type { KernelAttrs } from '../../../../core/index.js';
import { gradient, kernel, type Native, tensorOf } from './kit.js';

/** SwiGLU, GELU and dropout. */
export function registerGates({ backend }: Native): void {
  const { addon } = backend;

  kernel('SwiGlu', ({ gate, up }) => {
    const y = backend.output(gate.shape);
    addon.swiglu(backend.floats(gate), backend.floats(up), y.values.length, y.values);
    return y.info;
  });
  gradient('SwiGlu', { inputs: ['gate', 'up'] }, ([dy], [gate, up]) => {
    const dgate = backend.output(gate.shape);
    const dup = backend.output(up.shape);
    const [g, u, d] = [gate, up, dy].map((x) => backend.floats(x));
    addon.swigluGradient(g, u, d, gate.size, dgate.values, dup.values);
    const [byGate, byUp] = [tensorOf(dgate.info), tensorOf(dup.info)];
    return { gate: () => byGate, up: () => byUp };
  });

  kernel('Gelu', ({ x }) => {
    const y = backend.output(x.shape);
    addon.gelu(backend.floats(x), y.values.length, y.values);
    return y.info;
  });
  gradient('Gelu', { inputs: ['x'] }, ([dy], [x]) => ({
    x: () => {
      const dx = backend.output(x.shape);
      addon.geluGradient(backend.floats(x), backend.floats(dy), x.size, dx.values);
      return tensorOf(dx.info);
    },
  }));

  const drop = (shape: number[], values: Float32Array, { rate, seed }: KernelAttrs<'SeededDropout'>) => {
    const y = backend.output(shape);
    addon.dropout(values, y.values.length, rate, seed, y.values);
    return y.info;
  };
  kernel('SeededDropout', ({ x }, attrs) => drop(x.shape, backend.floats(x), attrs));
  gradient('SeededDropout', {}, ([dy], _, attrs) => ({
    x: () => tensorOf(drop(dy.shape, backend.floats(dy), attrs)),
  }));
}
