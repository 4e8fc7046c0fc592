import type { FrozenWeight, tf } from '../../../../core/index.js';
import { kernel, type Native } from './kit.js';

/** What is done with files and stored weights, without tensors. */
export function registerStorage({ backend, weights }: Native): void {
  const { addon } = backend;
  const work = <A>(name: string, compute: (attrs: A) => unknown) =>
    kernel<A>(name, (_, attrs) => compute(attrs) as tf.TensorInfo);

  work<{ file: string; start: number; length: number }>(
    'MapFile',
    ({ file, start, length }) => new Uint8Array(addon.mapFile(file, start, length)),
  );
  work<{ bytes: Uint8Array }>('ReleasePages', ({ bytes }) => addon.releasePages(bytes));
  work<{ weight: FrozenWeight; values: Int8Array; scales: Float32Array }>(
    'QuantizeInt8',
    ({ weight, values, scales }) => addon.quantizeInt8(weights.of(weight), values, scales) < 0,
  );
}
