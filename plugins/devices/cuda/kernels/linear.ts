/** Linear layers on frozen weights, with and without a low-rank branch. */

import type { FrozenWeight, KernelAttrs, KernelInputs, tf } from '../../../../core/index.js';
import type { Pointer } from '../addon.js';
import { type DeviceArray, F32, type FloatType } from '../backend.js';
import { computeType } from '../weights.js';
import { dropoutArguments } from './gates.js';
import { type Cuda, gradient, kernel, sizeOf, tensorOf, typed } from './kit.js';
import { multiply, multiplyFewRows, withDense } from './products.js';

/** Either input of the branch: `[rows, columns]`. */
interface Branch extends Pick<KernelAttrs<'LoraLinear'>, 'scaling' | 'dropout' | 'seed'> {
  readonly a: DeviceArray;
  readonly b: DeviceArray;
  readonly rank: number;
}

export function registerLinear(cuda: Cuda): void {
  const { backend, weights } = cuda;
  const { driver } = backend;
  /** What a layer yields: in the arithmetic of its products, or as it lies between them. */
  const typeOf = (weight: FrozenWeight) => (computeType(weight) === F32 ? F32 : cuda.between);

  const forward = (
    x: tf.TensorInfo,
    { weight, bias }: KernelAttrs<'FrozenLinear'>,
    branch?: Branch,
  ): tf.TensorInfo => {
    const [tokens, k] = x.shape;
    const [n] = weight.shape;
    const y = backend.output([tokens, n], typeOf(weight));
    const input = backend.arrayOf(x);
    const placed = weights.of(weight);
    const offsets = bias && backend.float32Of(bias).pointer;
    const compute = computeType(weight);
    const isDone =
      tokens > 0 && multiplyFewRows(backend, { weight: placed, compute }, input, tokens, offsets, y.array);
    if (!isDone) {
      withDense(backend, placed, compute, (dense) =>
        multiply(
          cuda,
          { array: input },
          { array: dense },
          y.array,
          { m: tokens, n, k },
          { compute, bias: offsets },
        ),
      );
    }
    if (branch) {
      const { rank, scaling } = branch;
      withDown(x, branch, compute, (down) => {
        const options = { compute, factor: scaling, adding: true };
        multiply(cuda, { array: down }, { array: branch.b }, y.array, { m: tokens, n, k: rank }, options);
      });
    }
    return y.info;
  };

  /** `use` gets dropout(x), as long as it lasts. */
  const withDropped = <T>(x: tf.TensorInfo, { dropout, seed }: Branch, use: (array: DeviceArray) => T): T => {
    const array = backend.arrayOf(x);
    if (dropout === 0) return use(array);
    return backend.withWorkspace(array.bytes, (pointer) => {
      const dropped = { ...array, pointer };
      const mask = dropoutArguments(dropout, seed);
      driver
        .kernel('dropout')
        .overElements(sizeOf(x), ...typed(array), ...mask, ...typed(dropped), sizeOf(x));
      return use(dropped);
    });
  };

  /** `use` gets dropout(x) Aᵀ, `[tokens, rank]`. */
  const withDown = (
    x: tf.TensorInfo,
    branch: Branch,
    compute: FloatType,
    use: (down: { pointer: Pointer; type: FloatType }) => void,
  ): void => {
    const [tokens, k] = x.shape;
    const { a, rank } = branch;
    backend.withWorkspace(tokens * rank * 4, (pointer) => {
      const down = { pointer, type: F32 } as const;
      withDropped(x, branch, (array) =>
        multiply(cuda, { array }, { array: a }, down, { m: tokens, n: rank, k }, { compute }),
      );
      use(down);
    });
  };

  const backward = (dy: tf.Tensor, weight: FrozenWeight, branch?: Branch): tf.Tensor => {
    const [tokens] = dy.shape;
    const [k, n] = weight.shape;
    const compute = computeType(weight);
    const dx = backend.output([tokens, n], typeOf(weight));
    const array = backend.arrayOf(dy);
    withDense(backend, weights.of(weight), compute, (dense) =>
      multiply(
        cuda,
        { array },
        { array: dense, isTransposed: true },
        dx.array,
        { m: tokens, n, k },
        { compute },
      ),
    );
    if (branch) addBranchGradient(array, dx.array, tokens, n, compute, branch);
    return tensorOf(dx.info);
  };

  /** `dx += dropout'(scaling · (dy B) A)` */
  const addBranchGradient = (
    dy: DeviceArray,
    dx: DeviceArray,
    tokens: number,
    columns: number,
    compute: FloatType,
    branch: Branch,
  ): void => {
    const { a, rank, dropout, seed } = branch;
    withUp(dy, tokens, compute, branch, (up) => {
      const shape = { m: tokens, n: columns, k: rank };
      const right = { array: a, isTransposed: true };
      if (dropout === 0) {
        multiply(cuda, { array: up }, right, dx, shape, { compute, adding: true });
        return;
      }
      const size = tokens * columns;
      backend.withWorkspace(size * 4, (pointer) => {
        multiply(cuda, { array: up }, right, { pointer, type: F32 }, shape, { compute });
        const mask = dropoutArguments(dropout, seed);
        driver.kernel('dropout').overElements(size, pointer, F32, ...mask, pointer, F32, size);
        driver.kernel('add').overElements(size, ...typed(dx), pointer, F32, ...typed(dx), size);
      });
    });
  };

  /** `use` gets scaling · dy B, `[tokens, rank]`. */
  const withUp = (
    dy: DeviceArray,
    tokens: number,
    compute: FloatType,
    { b, rank, scaling, out }: Branch & { out?: number },
    use: (up: { pointer: Pointer; type: FloatType }) => void,
  ): void => {
    const k = out ?? b.bytes / 4 / rank;
    backend.withWorkspace(tokens * rank * 4, (pointer) => {
      const up = { pointer, type: F32 } as const;
      const right = { array: b, isTransposed: true };
      multiply(cuda, { array: dy }, right, up, { m: tokens, n: rank, k }, { compute, factor: scaling });
      use(up);
    });
  };

  const branchOf = (
    { a, b }: Pick<KernelInputs<'LoraLinear'>, 'a' | 'b'>,
    attrs: KernelAttrs<'LoraLinear'>,
  ): Branch => {
    const { scaling, dropout, seed } = attrs;
    return { a: backend.arrayOf(a), b: backend.arrayOf(b), rank: a.shape[0], scaling, dropout, seed };
  };

  kernel('FrozenLinear', ({ x }, attrs) => forward(x, attrs));
  gradient('FrozenLinear', {}, ([dy], _, { weight }) => ({ x: () => backward(dy, weight) }));

  kernel('LoraLinear', ({ x, a, b }, attrs) => forward(x, attrs, branchOf({ a, b }, attrs)));
  gradient('LoraLinear', { inputs: ['x', 'a', 'b'] }, ([dy], [x, a, b], attrs) => {
    const branch = branchOf({ a, b }, attrs);
    const compute = computeType(attrs.weight);
    const [tokens, inputs] = x.shape;
    const [outputs, rank] = b.shape;
    const array = backend.arrayOf(dy);
    const da = backend.output(a.shape);
    const db = backend.output(b.shape);
    withUp(array, tokens, compute, branch, (up) =>
      withDropped(x, branch, (dropped) => {
        const left = { array: up, isTransposed: true };
        const right = { array: dropped, isTransposed: true };
        multiply(cuda, left, right, da.array, { m: rank, n: inputs, k: tokens }, { compute });
      }),
    );
    withDown(x, branch, compute, (down) => {
      const left = { array, isTransposed: true };
      const right = { array: down, isTransposed: true };
      const options = { compute, factor: attrs.scaling };
      multiply(cuda, left, right, db.array, { m: outputs, n: rank, k: tokens }, options);
    });
    const ofBranch = { a: tensorOf(da.info), b: tensorOf(db.info) };
    return {
      x: () => backward(dy, attrs.weight, branch),
      a: () => ofBranch.a,
      b: () => ofBranch.b,
    };
  });
}
