import type { Handle } from '../binding.js';
import { gradient, kernel, type Tensorflow } from './kit.js';

/** SwiGLU and GELU. */
export function registerGates({ ops }: Tensorflow): void {
  kernel('SwiGlu', ({ gate, up }) =>
    ops.tensor(() => {
      const [x, z] = [gate, up].map((info) => ops.of(info));
      return ops.mul(ops.mul(x, ops.sigmoid(x)), z);
    }),
  );
  gradient('SwiGlu', { inputs: ['gate', 'up'] }, ([dy], [gate, up]) => ({
    gate: () =>
      ops.tensor(() => {
        const [x, z, d] = [gate, up, dy].map((info) => ops.of(info));
        const s = ops.sigmoid(x);
        // silu' = s + x s (1 − s); TensorFlow has the gradient of the sigmoid in one operation.
        return ops.mul(ops.mul(d, z), ops.add(s, ops.elements('SigmoidGrad', s, x)));
      }),
    up: () =>
      ops.tensor(() => {
        const [x, d] = [gate, dy].map((info) => ops.of(info));
        return ops.mul(d, ops.mul(x, ops.sigmoid(x)));
      }),
  }));

  const tangent = (x: Handle) => {
    const cubic = ops.mul(ops.mul(x, ops.elements('Square', x)), ops.constant(0.044715));
    return ops.elements('Tanh', ops.mul(ops.add(x, cubic), ops.constant(Math.sqrt(2 / Math.PI))));
  };
  kernel('Gelu', ({ x }) =>
    ops.tensor(() => {
      const input = ops.of(x);
      return ops.mul(ops.mul(input, ops.constant(0.5)), ops.add(tangent(input), ops.constant(1)));
    }),
  );
  gradient('Gelu', { inputs: ['x'] }, ([dy], [x]) => ({
    x: () =>
      ops.tensor(() => {
        const input = ops.of(x);
        const t = tangent(input);
        const slope = ops.mul(ops.elements('Square', input), ops.constant(3 * 0.044715));
        const inner = ops.mul(ops.add(slope, ops.constant(1)), ops.constant(Math.sqrt(2 / Math.PI)));
        const second = ops.mul(input, ops.elements('TanhGrad', t, inner));
        const sum = ops.add(ops.add(t, ops.constant(1)), second);
        return ops.mul(ops.mul(ops.of(dy), ops.constant(0.5)), sum);
      }),
  }));
}
