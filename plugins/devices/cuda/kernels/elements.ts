import { tf } from '../../../../core/index.js';
import { F32 } from '../backend.js';
import { allTyped, type Cuda, fasterKernel, sizeOf, typed } from './kit.js';

/** What TensorFlow.js itself calls between the ops: sums of like tensors, multiples, other shapes of the same data. */
export function registerElements({ backend }: Cuda): void {
  const { driver } = backend;
  const isFloat = (info: tf.TensorInfo) => info.dtype === 'float32';

  // The residual stream: a sum stays in fp32, whatever its terms are.
  fasterKernel('Add', ({ a, b }) => {
    if (!isFloat(a) || !isFloat(b) || a.shape.join() !== b.shape.join()) return undefined;
    const y = backend.output(a.shape);
    const [x, z] = [a, b].map((info) => backend.arrayOf(info));
    driver.kernel('add').overElements(sizeOf(a), ...allTyped(x, z, y.array), sizeOf(a));
    return y.info;
  });

  const byScalar = (name: string, x: tf.TensorInfo, scalar: tf.TensorInfo) => {
    if (!isFloat(x) || !isFloat(scalar) || scalar.shape.length > 0) return undefined;
    const array = backend.arrayOf(x);
    const y = backend.output(x.shape, array.type);
    const { pointer } = backend.float32Of(scalar);
    driver.kernel(name).overElements(sizeOf(x), ...typed(array), pointer, ...typed(y.array), sizeOf(x));
    return y.info;
  };
  fasterKernel('Multiply', ({ a, b }) =>
    sizeOf(b) === 1 ? byScalar('scaleByScalar', a, b) : byScalar('scaleByScalar', b, a),
  );
  // The loss is divided by the number of labels: on the CPU, that would wait for the whole forward pass.
  fasterKernel('RealDiv', ({ a, b }) => byScalar('divideByScalar', a, b));

  // By a number in this process, such as how many targets a step has: to divide by it on the card would read it back.
  fasterKernel('RealDiv', ({ a, b }) => {
    if (!isFloat(a) || b.shape.length > 0 || backend.isOnCard(b.dataId)) return undefined;
    const array = backend.arrayOf(a);
    const y = backend.output(a.shape, array.type);
    const [divisor] = backend.readSync(b.dataId) as Float32Array;
    const scale = driver.kernel('scale');
    scale.overElements(sizeOf(a), ...typed(array), 1 / divisor, ...typed(y.array), sizeOf(a));
    return y.info;
  });

  const filled = (shape: number[], value: number) => {
    const y = backend.output(shape, F32);
    const size = tf.util.sizeFromShape(shape);
    driver.kernel('fill').overElements(size, y.array.pointer, value, size);
    return y.info;
  };
  fasterKernel('Fill', (_, { shape, value, dtype }: tf.FillAttrs) =>
    typeof value === 'number' && (dtype ?? 'float32') === 'float32' ? filled(shape, value) : undefined,
  );
  fasterKernel('ZerosLike', ({ x }) => (isFloat(x) ? filled(x.shape, 0) : undefined));
  fasterKernel('OnesLike', ({ x }) => (isFloat(x) ? filled(x.shape, 1) : undefined));

  // A gradient is cast to the type that it has.
  fasterKernel('Cast', ({ x }, { dtype }: tf.CastAttrs) =>
    isFloat(x) && dtype === 'float32' ? backend.alias(x, x.shape) : undefined,
  );
  fasterKernel('Identity', ({ x }) => backend.alias(x, x.shape));
  fasterKernel('Cast', ({ x }, { dtype }: tf.CastAttrs) =>
    x.dtype === dtype ? backend.alias(x, x.shape) : undefined,
  );
  fasterKernel('Reshape', ({ x }, { shape }: tf.ReshapeAttrs) => {
    const size = sizeOf(x);
    const known = tf.util.inferFromImplicitShape(shape, size);
    tf.util.assert(
      tf.util.sizeFromShape(known) === size,
      () => `a tensor [${x.shape}] cannot be reshaped to [${shape}]`,
    );
    return backend.alias(x, known);
  });
}
