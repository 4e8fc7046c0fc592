import * as tf from '@tensorflow/tfjs';
import type { LanguageModel } from '../contracts/backbone.js';
import { type CachedSequence, KeyValueCache } from './paged-cache.js';
import type { Search } from './search.js';

/**
 * Texts that are continued in one pass. It costs hardly more than one of a single text, and on the native device takes
 * the kernels of few rows, whose results do not depend on how many there are.
 */
const MOST_ROWS = 32;

/** A search that is under way, with one cached sequence for each of its hypotheses. */
interface Active {
  readonly search: Search;
  sequences: CachedSequence[];
}

/**
 * Has a model do many searches side by side: every pass computes one token of each text. Those that have ended leave,
 * others take their place. A prompt is computed in a pass of its own, so that no answer depends on which others there are.
 *
 * @param onAdvance called when a search has got further
 * @throws EvolveError NOT_FINITE where a search finds no token that could be chosen
 */
export async function decode(
  model: LanguageModel,
  searches: readonly Search[],
  onAdvance: (search: Search) => void = () => {},
): Promise<void> {
  const cache = new KeyValueCache();
  const waiting = [...searches];
  let active: Active[] = [];
  const hasRoom = (search: Search) => active.length === 0 || widthOf(active) + search.width <= MOST_ROWS;
  for (;;) {
    while (waiting.length > 0 && hasRoom(waiting[0])) {
      const begun: Active = { search: waiting.shift() as Search, sequences: [cache.begin()] };
      await advance(model, [begun], onAdvance);
      if (begun.sequences.length > 0) active.push(begun);
    }
    if (active.length === 0) return;
    await advance(model, active, onAdvance);
    active = active.filter(({ sequences }) => sequences.length > 0);
  }
}

function widthOf(active: readonly Active[]): number {
  return active.reduce((sum, { search }) => sum + search.width, 0);
}

/** One pass for all hypotheses of these searches; their cached sequences follow. */
async function advance(
  model: LanguageModel,
  active: readonly Active[],
  onAdvance: (search: Search) => void,
): Promise<void> {
  const texts = active.flatMap(({ search }) => search.hypotheses.map(({ ids }) => Int32Array.from(ids)));
  const batch = model.collate(texts.map((ids) => ({ inputIds: ids, spans: [] })));
  const cached = active.flatMap(({ sequences }) => sequences);
  const logits = tf.tidy(() => model.nextLogits(batch, cached));
  try {
    const values = (await logits.data()) as Float32Array;
    const vocabulary = logits.shape[1];
    let row = 0;
    for (const item of active) {
      const { search, sequences } = item;
      // A copy: the tensor's memory is not ours to change.
      const scores = sequences.map(() => values.slice(row * vocabulary, ++row * vocabulary));
      search.advance(scores);
      item.sequences = search.hypotheses.map(({ parent }) => sequences[parent].fork());
      for (const sequence of sequences) sequence.free();
      onAdvance(search);
    }
  } finally {
    logits.dispose();
  }
}
