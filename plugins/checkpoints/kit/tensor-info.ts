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
  const known = types.get(typeName);
  if (known) return { shape, stored: known, type: known.type };
  const fault = `is of type ${typeName}; known are ${[...types.keys()].join(', ')}`;
  const refuse = (): never => {
    const advice = 'Convert it with PyTorch and save the checkpoint again.';
    throw invalid(path, `the tensor "${name}" ${fault}`, advice);
  };
  return {
    shape,
    fault,
    get type() {
      return refuse();
    },
    get stored() {
      return refuse();
    },
  };
}
