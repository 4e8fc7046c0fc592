import { DENSE_TYPES, type FrozenWeight, type tf } from '../../../../core/index.js';
import { kernel, type Native } from './kit.js';

/** What nf4 is made of; others are for its plain form. */
const DENSE = new Set<string>(Object.keys(DENSE_TYPES));

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
  work<{ weight: FrozenWeight; middles: Float32Array; codes: Uint8Array; absmax: Float32Array }>(
    'QuantizeNf4',
    ({ weight, middles, codes, absmax }) =>
      DENSE.has(weight.storage) && addon.quantizeNf4(weights.of(weight), middles, codes, absmax),
  );
  work<{ values: Float32Array; middles: Float32Array; codes: Uint8Array; absmax: Float32Array }>(
    'QuantizeDynamic',
    ({ values, middles, codes, absmax }) => {
      addon.quantizeDynamic(values, values.length, middles, codes, absmax);
      return true;
    },
  );
  work<{
    type: number;
    source: Uint8Array;
    order: Int32Array | null;
    rows: number;
    columns: number;
    target: Uint8Array;
  }>('DecodeBlocks', ({ type, source, order, rows, columns, target }) =>
    addon.decodeBlocks(type, source, order, rows, columns, target),
  );
}
