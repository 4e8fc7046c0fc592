import {
  allocate,
  Breath,
  DenseWeight,
  EvolveError,
  type FrozenWeight,
  type LanguageModel,
  releasePages,
} from '../../../core/index.js';
import { NotFiniteError } from './not-finite.js';

/** An array of bytes for a weight. @throws EvolveError OUT_OF_MEMORY */
export function allocateStored(bytes: number): ArrayBuffer {
  return allocate(bytes, {
    user: 'a quantized weight',
    advice: 'Store the weights smaller (quantizer: nf4), take a smaller model, or end other programs.',
  });
}

/** Work in pieces: between two of them others may work. */
export type InPieces<T> = Generator<undefined, T>;

/** Does such work without a break. */
export function atOnce<T>(work: InPieces<T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

async function withBreaths<T>(work: InPieces<T>, breath: Breath): Promise<T> {
  for (;;) {
    const { done, value } = work.next();
    if (breath.isDue) await breath.take();
    if (done) return value;
  }
}

/**
 * Puts `quantize(weight)` in the place of the frozen weight of every linear layer but the output.
 *
 * @throws EvolveError that names the tensor, if `quantize` throws a NotFiniteError; the signal's reason when it aborts
 */
export async function quantizeLinears(
  model: LanguageModel,
  quantize: (weight: FrozenWeight) => InPieces<FrozenWeight>,
  signal: AbortSignal,
): Promise<LanguageModel> {
  const breath = new Breath(signal);
  for (const site of model.linears) {
    if (site.isOutput) continue;
    const { weight } = site;
    try {
      site.weight = await withBreaths(quantize(weight), breath);
      if (weight instanceof DenseWeight) releasePages(weight.bytes);
    } catch (cause) {
      if (!(cause instanceof NotFiniteError)) throw cause;
      const message = `${model.path}: ${site.name}.weight: ${cause.message}`;
      throw new EvolveError('CHECKPOINT_INVALID', message, 'Get the checkpoint again.', { cause });
    }
  }
  return model;
}
