/** Adapters of low rank as other programs keep them: one scale for all, and the matrices of each layer. */

import { EvolveError } from '../base/errors.js';
import type { LanguageModel } from '../contracts/backbone.js';
import type { LowRank } from '../contracts/linear-site.js';

/** Adapters under one alpha: each adds alpha / rank · b a to the weight of its layer. */
export interface LowRankAdapter {
  readonly alpha: number;
  /** By the name of the layer. */
  readonly layers: ReadonlyMap<string, LowRank>;
}

/**
 * The adapter of a model. Where layers have scales of their own, as with alphas and ranks by pattern, `b` makes up for it.
 *
 * @throws EvolveError if the model has no adapter, or one of another kind
 */
export function lowRankAdapter(model: LanguageModel): LowRankAdapter {
  const layers = new Map<string, LowRank>();
  for (const { name, adapter } of [...model.embeddings, ...model.linears]) {
    if (!adapter) continue;
    const own = 'lowRank' in adapter ? adapter.lowRank?.() : undefined;
    if (!own) refuse(`the adapter of ${name} is no product of two narrow matrices`);
    else layers.set(name, own);
  }
  const [first] = layers.values();
  if (!first) refuse('the model has no adapter that could be written alone');
  const alpha = first.scale * first.rank;
  return { alpha, layers: new Map([...layers].map(([name, own]) => [name, underAlpha(own, alpha)])) };
}

function underAlpha(own: LowRank, alpha: number): LowRank {
  const scale = alpha / own.rank;
  // Equal but for rounding: the numbers stay what they are.
  if (Math.abs(own.scale / scale - 1) < 1e-12) return { ...own, scale };
  return { ...own, scale, b: own.b.map((value) => (value * own.scale) / scale) };
}

function refuse(message: string): never {
  throw new EvolveError('ADAPTER_INVALID', message, 'Take --format safetensors or gguf for the whole model.');
}
