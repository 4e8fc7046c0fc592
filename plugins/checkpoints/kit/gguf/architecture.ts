/** What there is to know of an architecture that GGUF files are of: the names of its tensors, and its settings. */

import { extensionPoint, type TensorToWrite } from '../../../../core/index.js';
import type { Metadata } from './metadata.js';
import type { MetadataValue } from './metadata-value.js';
import type { Heads, RowOrder } from './row-order.js';

/** Where backbones provide theirs. Of several that fit a model, the first counts. */
export const ARCHITECTURES = extensionPoint<Architecture>('gguf architectures');

export interface Architecture {
  /** `general.architecture` */
  readonly name: string;
  /** The `model_type` of config.json that is kept so; a file is read as the first. */
  readonly modelTypes: readonly string[];
  /** What `architectures` of config.json names. */
  readonly className: string;
  /**
   * Modules outside of layers, and within them: GGUF's names, and those of the model's tensors. A file must have
   * `token_embd`, the token embedding; `output` is its output layer, where that is not the embedding.
   */
  readonly modules: Readonly<Record<string, string>>;
  readonly layerModules: Readonly<Record<string, string>>;
  /** What stands before a layer's number in the names of the model's tensors. */
  readonly layers: string;
  /** Modules that may have biases. Where `key` of config.json says so, either all of a group have one in every layer or none. */
  readonly biases: readonly { readonly key?: string; readonly modules: readonly string[] }[];
  /** Modules of layers whose rows lie in the file in another order. */
  readonly rowOrders: Readonly<Record<string, RowOrder>>;
  /** Tensors that are no weights but settings, vectors, under GGUF's names. A file may have them. */
  readonly settingTensors?: readonly string[] | undefined;
  /**
   * What config.json says beyond what it says of every model.
   *
   * @param tensors the numbers of those `settingTensors` that the file has
   * @throws EvolveError if a setting is missing, or one that is not known here
   */
  read(
    metadata: Metadata,
    tensors: ReadonlyMap<string, Float32Array>,
  ): Heads & { readonly config: Readonly<Record<string, unknown>> };
  /**
   * What the file says of a model.
   *
   * @param json config.json
   * @throws EvolveError if GGUF has no keys for what config.json says
   */
  describe(json: Readonly<Record<string, unknown>>): Description;
}

export interface Description extends Heads {
  /** Keys without the architecture's name before them. `block_count`, the number of layers, must be there. */
  readonly settings: readonly [string, MetadataValue][];
  /** Keys as they are. */
  readonly metadata?: readonly [string, MetadataValue][] | undefined;
  /** The `settingTensors`. */
  readonly tensors?: readonly (readonly [string, TensorToWrite])[] | undefined;
}
