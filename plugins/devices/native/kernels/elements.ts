import { tf } from '../../../../core/index.js';
import { fasterKernel, type Native } from './kit.js';

/** What TensorFlow.js itself calls between the ops: sums of like tensors, multiples, other shapes of the same data. */
export function registerElements({ backend }: Native): void {
  const isFloat = (info: tf.TensorInfo) => info.dtype === 'float32';
  const isScalar = (info: tf.TensorInfo) => info.shape.length === 0;

  fasterKernel('Add', ({ a, b }) => {
    if (!isFloat(a) || !isFloat(b) || a.shape.join() !== b.shape.join()) return undefined;
    const y = backend.output(a.shape);
    backend.addon.add(backend.floats(a), backend.floats(b), y.values.length, y.values);
    return y.info;
  });

  fasterKernel('Multiply', ({ a, b }) => {
    if (!isFloat(a) || !isFloat(b) || isScalar(a) || !isScalar(b)) return undefined;
    const y = backend.output(a.shape);
    backend.addon.scale(backend.floats(a), y.values.length, backend.floats(b)[0], y.values);
    return y.info;
  });

  fasterKernel('Identity', ({ x }) => backend.alias(x, x.shape));
  fasterKernel('Reshape', ({ x }, { shape }: tf.ReshapeAttrs) => {
    const size = tf.util.sizeFromShape(x.shape);
    const known = tf.util.inferFromImplicitShape(shape, size);
    tf.util.assert(
      tf.util.sizeFromShape(known) === size,
      () => `a tensor [${x.shape}] cannot be reshaped to [${shape}]`,
    );
    return backend.alias(x, known);
  });
}
