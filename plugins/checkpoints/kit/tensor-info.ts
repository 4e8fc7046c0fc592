import type { TensorInfo } from '../../../core/index.js';
import type { PlainType } from './plain-type.js';
import { invalid } from './tensor-file.js';

/** As any, with the type that its file holds it in. */
export interface StoredInfo extends TensorInfo {
  readonly stored: PlainType;
}

/**
 * A tensor by what its format calls its type. A file may hold some that are of no type that weights may have, such as
 * positions: asking for the type of one of these is an error; merely opening the file is none.
 *
 * @param types the format's names of those that are known
 */
export function tensorInfo(
  path: string,
  name: string,
  typeName: string,
  shape: readonly number[],
  types: ReadonlyMap<string, PlainType>,
): StoredInfo {
  return {
    shape,
    get type() {
      return this.stored.type;
    },
    get stored() {
      const known = types.get(typeName);
      if (known) return known;
      const message = `the tensor "${name}" is of type ${typeName}; known are ${[...types.keys()].join(', ')}`;
      throw invalid(path, message, 'Convert it with PyTorch and save the checkpoint again.');
    },
  };
}
