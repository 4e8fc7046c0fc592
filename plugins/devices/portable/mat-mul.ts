/**
 * tfjs's wasm backend multiplies fast only where neither operand is transposed and there is no batch (measured:
 * 10–16 against 1–2 GFLOP/s). This puts a kernel in its place that brings every product into that form: operands
 * are transposed beforehand, batches taken one by one. Small beside the product, both.
 */

import { tf } from '../../../core/index.js';

interface MatMulAttrs {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
}

/** Replaces the wasm backend's BatchMatMul; further calls do nothing. */
export function registerPlainMatMul(): void {
  const original = tf.getKernel('BatchMatMul', 'wasm');
  if (!original || original.kernelFunc === plainMatMul) return;
  native = original.kernelFunc;
  tf.unregisterKernel('BatchMatMul', 'wasm');
  tf.registerKernel({ ...original, kernelFunc: plainMatMul });
}

let native: tf.KernelFunc;

const plainMatMul: tf.KernelFunc = ({ inputs, attrs, backend }) => {
  const { a, b } = inputs as { a: tf.Tensor; b: tf.Tensor };
  const { transposeA = false, transposeB = false } = attrs as unknown as MatMulAttrs;
  const multiply = (left: tf.Tensor, right: tf.Tensor) =>
    native({
      inputs: { a: left, b: right },
      attrs: { transposeA: false, transposeB: false } as unknown as tf.NamedAttrMap,
      backend,
    }) as tf.TensorInfo;
  const asTensor = (info: tf.TensorInfo) => tf.engine().makeTensorFromTensorInfo(info);

  return tf.tidy(() => {
    const left = transposeA ? swapLast(a) : a;
    const right = transposeB ? swapLast(b) : b;
    const batch = a.shape.slice(0, -2);
    const count = batch.reduce((product, extent) => product * extent, 1);
    const sameBatch = batch.join() === b.shape.slice(0, -2).join();
    if (count <= 1 || !sameBatch) return asTensor(multiply(left, right));

    const [rows, inner] = left.shape.slice(-2);
    const columns = right.shape[right.shape.length - 1];
    const lefts = tf.reshape(left, [count, rows, inner]);
    const rights = tf.reshape(right, [count, inner, columns]);
    const products = Array.from({ length: count }, (_, i) =>
      asTensor(
        multiply(
          tf.slice(lefts, [i, 0, 0], [1, rows, inner]),
          tf.slice(rights, [i, 0, 0], [1, inner, columns]),
        ),
      ),
    );
    return tf.reshape(tf.concat(products, 0), [...batch, rows, columns]);
  });
};

function swapLast(x: tf.Tensor): tf.Tensor {
  const rank = x.shape.length;
  const order = Array.from({ length: rank }, (_, i) => i);
  [order[rank - 2], order[rank - 1]] = [rank - 1, rank - 2];
  return tf.transpose(x, order);
}
