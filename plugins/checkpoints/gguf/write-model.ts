/** What a model of transformers becomes in GGUF: keys of its metadata, names of its tensors, the order of their rows. */

import type { TensorToWrite } from '../../../core/index.js';
import { type Architecture, type Heads, type MetadataValue, unwritable } from '../kit/gguf/index.js';

export interface GgufModel {
  /** `general.architecture` */
  readonly architecture: string;
  /** The keys that begin with its name. */
  readonly metadata: readonly [string, MetadataValue][];
  readonly tensors: readonly NamedTensor[];
}

/** The ends of the names of an adapter's tensors, the same in GGUF. Rows are reordered of those that have the weight's rows. */
const BRANCH = /\.lora_([ab])$/;

interface NamedTensor {
  readonly name: string;
  readonly tensor: TensorToWrite;
}

/**
 * @param json config.json
 * @param tensors by transformers' names
 * @param architectures those that GGUF is written for
 * @throws EvolveError if GGUF has no names for such a model here
 */
export function describeModel(
  json: Readonly<Record<string, unknown>>,
  tensors: ReadonlyMap<string, TensorToWrite>,
  architectures: readonly Architecture[],
): GgufModel {
  const architecture = architectures.find(({ modelTypes }) => modelTypes.includes(String(json.model_type)));
  if (!architecture) {
    const known = architectures.flatMap(({ modelTypes }) => modelTypes).join(', ');
    throw unwritable(`GGUF is written for models of type ${known}, but this is a ${json.model_type}`);
  }
  const description = architecture.describe(json);
  const isAdapter = [...tensors.keys()].some((name) => BRANCH.test(name));
  const further = description.tensors?.map(([name, tensor]) => ({ name, tensor })) ?? [];
  return {
    architecture: architecture.name,
    metadata: [
      ...description.settings.map(([key, value]): [string, MetadataValue] => [
        `${architecture.name}.${key}`,
        value,
      ]),
      ...(description.metadata ?? []),
    ],
    tensors: [...nameTensors(tensors, architecture, description), ...(isAdapter ? [] : further)],
  };
}

function nameTensors(
  tensors: ReadonlyMap<string, TensorToWrite>,
  { modules, layerModules, layers, biases, rowOrders }: Architecture,
  heads: Heads,
): NamedTensor[] {
  const nameOf = inverse(modules);
  const nameInLayerOf = inverse(layerModules);
  const ofLayer = new RegExp(`^${layers.replaceAll('.', '\\.')}\\.(\\d+)\\.(.+)$`);
  return [...tensors].map(([name, tensor]) => {
    const branch = BRANCH.exec(name);
    const [, module, kind] = /^(.+)\.(weight|bias)$/.exec(name.replace(BRANCH, '')) ?? [];
    const [, layer, part] = ofLayer.exec(module ?? '') ?? [];
    const known = layer === undefined ? nameOf.get(module) : nameInLayerOf.get(part);
    const mayBe = kind === 'weight' || biases.some((group) => group.modules.includes(known ?? ''));
    if (known === undefined || !mayBe) throw unwritable(`GGUF has no name for the tensor ${name}`);
    const order = layer === undefined || branch?.[1] === 'a' ? undefined : rowOrders[known];
    const rowAt = order?.(tensor.shape[0], heads);
    if (order && !rowAt)
      throw unwritable(`the tensor ${name} [${tensor.shape}] has rows that are not those of whole heads`);
    return {
      name: `${layer === undefined ? known : `blk.${layer}.${known}`}.${kind}${branch?.[0] ?? ''}`,
      tensor: rowAt ? reordered(tensor, rowAt) : tensor,
    };
  });
}

function inverse(names: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  return new Map(Object.entries(names).map(([gguf, transformers]) => [transformers, gguf]));
}

/** Row i becomes row `rowAt(i)`. */
function reordered({ shape, values, type }: TensorToWrite, rowAt: (row: number) => number): TensorToWrite {
  const [rows, columns = 1] = shape;
  const reorder = () => {
    const from = values instanceof Float32Array ? values : joined(values(), rows * columns);
    const to = new Float32Array(from.length);
    for (let row = 0; row < rows; row++)
      to.set(from.subarray(row * columns, (row + 1) * columns), rowAt(row) * columns);
    return [to];
  };
  return { shape, type, values: reorder };
}

function joined(pieces: Iterable<Float32Array>, length: number): Float32Array {
  const whole = new Float32Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
