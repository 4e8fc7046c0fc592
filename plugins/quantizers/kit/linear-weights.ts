import {
  allocate,
  Breath,
  DenseWeight,
  EvolveError,
  type FrozenWeight,
  type HookContext,
  type LanguageModel,
  releasePages,
} from '../../../core/index.js';
import { NotFiniteError } from './not-finite.js';

/** Work in pieces: between two of them others may work. */
export type InPieces<T> = Generator<undefined, T>;

/** How a quantizer stores a matrix: in one buffer, which processes can share. */
export interface Storing<W extends FrozenWeight = FrozenWeight> {
  /** How many bytes a matrix of this shape takes. */
  bytesFor(shape: FrozenWeight['shape']): number;
  /**
   * Stores the numbers of `weight` in the buffer.
   *
   * @throws NotFiniteError
   */
  fill(buffer: ArrayBuffer, weight: FrozenWeight): InPieces<void>;
  /** What a filled buffer holds. */
  weightIn(buffer: ArrayBuffer, shape: FrozenWeight['shape']): W;
}

/** Bytes, rounded up to whole lines of the processor's cache: the next array in a buffer begins behind them. */
export const inLines = (bytes: number) => Math.ceil(bytes / 64) * 64;

const USE = {
  user: 'a quantized weight',
  advice: 'Store the weights smaller (quantizer: nf4), take a smaller model, or end other programs.',
};

/**
 * Stores a weight in memory of its own, without a break.
 *
 * @throws NotFiniteError; EvolveError OUT_OF_MEMORY
 */
export function store<W extends FrozenWeight>(weight: FrozenWeight, storing: Storing<W>): W {
  const buffer = allocate(storing.bytesFor(weight.shape), USE);
  const work = storing.fill(buffer, weight);
  while (!work.next().done);
  return storing.weightIn(buffer, weight.shape);
}

/**
 * Stores the frozen weight of every linear layer but the output. The processes of a machine do it together, each a part of the
 * layers, and share what comes of it.
 *
 * @throws EvolveError that names the tensor where a number is not finite; the signal's reason when it aborts
 */
export async function quantizeLinears(
  model: LanguageModel,
  storing: Storing,
  { signal, world }: Pick<HookContext, 'signal' | 'world'>,
): Promise<LanguageModel> {
  const breath = new Breath(signal);
  const sites = model.linears.filter(({ isOutput }) => !isOutput);
  const shapes = sites.map(({ weight }) => weight.shape);
  const made = new Set<number>();
  const sizes = shapes.map((shape) => storing.bytesFor(shape));
  const make = async (i: number, buffer: ArrayBuffer) => {
    const { weight, name } = sites[i];
    try {
      const work = storing.fill(buffer, weight);
      while (!work.next().done) if (breath.isDue) await breath.take();
    } catch (cause) {
      if (!(cause instanceof NotFiniteError)) throw cause;
      const message = `${model.path}: ${name}.weight: ${cause.message}`;
      throw new EvolveError('CHECKPOINT_INVALID', message, 'Get the checkpoint again.', { cause });
    }
    if (breath.isDue) await breath.take();
    // At once: what was stored larger leaves memory, one after the other.
    sites[i].weight = storing.weightIn(buffer, shapes[i]);
    made.add(i);
    if (weight instanceof DenseWeight) releasePages(weight.bytes);
  };
  const buffers = await world.makeOnce(sizes, make, USE);
  for (const [i, site] of sites.entries())
    if (!made.has(i)) site.weight = storing.weightIn(buffers[i], shapes[i]);
  return model;
}
