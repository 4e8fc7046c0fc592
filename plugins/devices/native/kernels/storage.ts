import { DENSE_TYPES } from '../../../../core/index.js';
import { kernel, type Native } from './kit.js';

/** What nf4 is made of; others are for its plain form. */
const DENSE = new Set<string>(Object.keys(DENSE_TYPES));

/** What is done with files and stored weights, without tensors. */
export function registerStorage({ backend, weights }: Native): void {
  const { addon } = backend;

  kernel('MapFile', (_, { file, start, length }) => new Uint8Array(addon.mapFile(file, start, length)));
  kernel('ReleasePages', (_, { bytes }) => addon.releasePages(bytes));
  kernel(
    'QuantizeInt8',
    (_, { weight, values, scales }) => addon.quantizeInt8(weights.of(weight), values, scales) < 0,
  );
  kernel(
    'QuantizeNf4',
    (_, { weight, middles, codes, absmax }) =>
      DENSE.has(weight.storage) && addon.quantizeNf4(weights.of(weight), middles, codes, absmax),
  );
  kernel('QuantizeDynamic', (_, { values, middles, codes, absmax }) => {
    addon.quantizeDynamic(values, values.length, middles, codes, absmax);
    return true;
  });
  kernel('DecodeBlocks', (_, { type, source, order, rows, columns, target }) =>
    addon.decodeBlocks(type, source, order, rows, columns, target),
  );
}
