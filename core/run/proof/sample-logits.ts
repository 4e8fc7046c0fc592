/** What a model answers to a few tokens of a run's rows: by it two models are told apart. */

import { createHash } from 'node:crypto';
import { tf } from '../../base/tf.js';
import type { LanguageModel } from '../../contracts/backbone.js';
import type { EncodedExample } from '../../contracts/labels.js';
import type { SplitRows } from '../../data/rows.js';

const ROWS = 2;
/** The shortest of so many rows are taken: long ones would show nothing more. */
const LOOKED_AT = 16;
/** What follows so many of them is told. */
const POSITIONS = 16;

/** The logits that follow a few tokens. */
export interface SampleLogits {
  readonly rows: number;
  readonly positions: number;
  /** Of all logits at these positions. */
  readonly sha256: string;
  /** The highest logit at each position, for devices that compute other last digits. */
  readonly highest: readonly number[];
}

/**
 * The shortest of the first held-out rows, or where there are none of the first that are trained on. They are whole: a model
 * may want all that a row of its own has.
 */
export function sampleOf(rows: SplitRows): EncodedExample[] {
  const list = rows.validation.length > 0 ? rows.validation : rows.train.pass(0);
  const examples = list.read(0, LOOKED_AT).map(([example]) => example);
  return examples.sort((a, b) => a.inputIds.length - b.inputIds.length).slice(0, ROWS);
}

export async function sampleLogits(
  model: LanguageModel,
  examples: readonly EncodedExample[],
): Promise<SampleLogits> {
  const batch = model.collate(examples);
  const count = Math.min(POSITIONS, batch.inputIds.length);
  const positions = Int32Array.from({ length: count }, (_, i) =>
    Math.floor(((i + 1) * batch.inputIds.length) / count - 1),
  );
  const pass = { training: false, seed: 0, checkpointing: false };
  const logits = tf.tidy(() => model.logits(batch, pass, positions));
  const values = await logits.data<'float32'>();
  const width = logits.shape[1];
  logits.dispose();
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return {
    rows: examples.length,
    positions: count,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    highest: Array.from({ length: count }, (_, i) =>
      values.subarray(i * width, (i + 1) * width).reduce((most, value) => Math.max(most, value)),
    ),
  };
}

/** How far the highest logits are apart, at most; infinite where they are of other positions. */
export function distance(a: SampleLogits, b: SampleLogits): number {
  if (a.highest.length !== b.highest.length) return Number.POSITIVE_INFINITY;
  return a.highest.reduce((most, value, i) => Math.max(most, Math.abs(value - b.highest[i])), 0);
}
