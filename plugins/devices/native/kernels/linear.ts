/** Products: linear layers on frozen weights, with and without a low-rank branch, and those of two tensors. */

import type { FrozenWeight, KernelAttrs, tf } from '../../../../core/index.js';
import type { Branch } from '../addon.js';
import { computeOf } from '../placed-weights.js';
import { gradient, kernel, type Native, tensorOf } from './kit.js';

export function registerLinear({ backend, weights, outlierThreshold }: Native): void {
  const { addon } = backend;

  const forward = (
    x: tf.TensorInfo,
    { weight, bias }: KernelAttrs<'FrozenLinear'>,
    branch: Branch | [],
  ): tf.TensorInfo => {
    const tokens = x.shape[0];
    const y = backend.output([tokens, weight.shape[0]]);
    const { id } = x.dataId as { id: number };
    addon.linear(
      backend.floats(x),
      id + 1,
      tokens,
      weights.of(weight),
      computeOf(weight),
      outlierThreshold,
      bias && backend.floats(bias),
      y.values,
      ...branch,
    );
    return y.info;
  };

  const backward = (dy: tf.TensorInfo, weight: FrozenWeight, branch: Branch | []): tf.Tensor => {
    const tokens = dy.shape[0];
    const dx = backend.output([tokens, weight.shape[1]]);
    addon.linearInputGradient(
      backend.floats(dy),
      tokens,
      weights.of(weight),
      computeOf(weight),
      outlierThreshold,
      dx.values,
      ...branch,
    );
    return tensorOf(dx.info);
  };

  const branchOf = (a: tf.TensorInfo, b: tf.TensorInfo, attrs: KernelAttrs<'LoraLinear'>): Branch => [
    backend.floats(a),
    backend.floats(b),
    a.shape[0],
    attrs.scaling,
    attrs.dropout,
    attrs.seed,
  ];

  kernel('FrozenLinear', ({ x }, attrs) => forward(x, attrs, []));
  gradient('FrozenLinear', {}, ([dy], _, { weight }) => ({ x: () => backward(dy, weight, []) }));

  kernel('LoraLinear', ({ x, a, b }, attrs) => forward(x, attrs, branchOf(a, b, attrs)));
  gradient('LoraLinear', { inputs: ['x', 'a', 'b'] }, ([dy], [x, a, b], attrs) => {
    const branch = branchOf(a, b, attrs);
    const da = backend.output(a.shape);
    const db = backend.output(b.shape);
    const [tokens, inputs] = x.shape;
    addon.branchGradient(
      backend.floats(x),
      backend.floats(dy),
      tokens,
      inputs,
      b.shape[0],
      da.values,
      db.values,
      ...branch,
    );
    const ofBranch = { a: tensorOf(da.info), b: tensorOf(db.info) };
    return {
      x: () => backward(dy, attrs.weight, branch),
      a: () => ofBranch.a,
      b: () => ofBranch.b,
    };
  });
}
