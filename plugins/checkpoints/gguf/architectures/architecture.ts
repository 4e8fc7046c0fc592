/** What there is to know of an architecture that GGUF files are of: the names of its tensors, and its settings. */

import type { TensorToWrite } from '../../../../core/index.js';
import type { Container } from '../container.js';
import type { Metadata } from '../metadata.js';
import type { MetadataValue } from '../write.js';

/** Of queries, and of keys and values. */
export interface Heads {
  readonly heads: number;
  readonly kvHeads: number;
}

export interface Architecture {
  /** `general.architecture` */
  readonly name: string;
  /** The `model_type` of config.json that is kept so; a file is read as the first. */
  readonly modelTypes: readonly string[];
  readonly className: string;
  /** Modules outside of layers, and within them: llama.cpp's names, and transformers'. */
  readonly modules: Readonly<Record<string, string>>;
  readonly layerModules: Readonly<Record<string, string>>;
  /** What stands before a layer's number in transformers' names. */
  readonly layers: string;
  /** Modules that may have biases. Where `key` of config.json says so, either all of a group have one in every layer or none. */
  readonly biases: readonly { readonly key?: string; readonly modules: readonly string[] }[];
  /** Modules whose rows lie in the file in another order. */
  readonly rowOrders: Readonly<Record<string, RowOrder>>;
  /**
   * What config.json says beyond what it says of every model.
   *
   * @param frequencyFactors the numbers of `rope_freqs.weight`, where there is such a tensor
   * @throws EvolveError where a setting is missing, or one that is not known here
   */
  read(
    metadata: Metadata,
    container: Container,
    frequencyFactors: Float32Array | undefined,
  ): Heads & { readonly config: Readonly<Record<string, unknown>> };
  /**
   * @param json config.json
   * @throws EvolveError where GGUF has no keys for what config.json says
   */
  describe(json: Readonly<Record<string, unknown>>): Description;
}

export interface Description extends Heads {
  /** Keys without the architecture's name before them. */
  readonly settings: readonly [string, MetadataValue][];
  /** Keys as they are. */
  readonly metadata?: readonly [string, MetadataValue][];
  /** Tensors that the model has not, under GGUF's names. */
  readonly tensors?: readonly (readonly [string, TensorToWrite])[];
}

/** Where row i of a module of so many rows lies in the file; undefined where the rows are not those of whole heads. */
export type RowOrder = (rows: number, heads: Heads) => ((row: number) => number) | undefined;

/**
 * llama.cpp turns neighbouring elements of a head by one angle, transformers an element of its first half with one of
 * its second: in the file the rows of a head's halves alternate.
 */
export function alternatingHalves(headsOf: (heads: Heads) => number): RowOrder {
  return (rows, heads) => {
    const size = rows / headsOf(heads);
    if (size % 2 !== 0) return undefined;
    const half = size / 2;
    return (row) => {
      const within = row % size;
      return row - within + 2 * (within % half) + Math.floor(within / half);
    };
  };
}

/** The model has head by head its query, key and value; the file has all queries, then all keys, then all values. */
export const queriesKeysValues: RowOrder = (rows, { heads }) => {
  const headDim = rows / (3 * heads);
  if (!Number.isInteger(headDim)) return undefined;
  return (row) => {
    const [head, kind] = [Math.floor(row / (3 * headDim)), Math.floor(row / headDim) % 3];
    return (kind * heads + head) * headDim + (row % headDim);
  };
};
