/** What a LoRA adapter is made with. */

import type { Selection } from './selection.js';

/** Names, or of an adapter to start from the pattern in their place. */
export type TargetModules = string | readonly string[];

export interface LoraOptions {
  readonly r: number;
  readonly alpha: number;
  /** Scales branches by alpha / √r (arXiv 2312.03732) instead of alpha / r. */
  readonly useRslora: boolean;
  readonly dropout: number;
  /** Ends of module names, as PEFT takes them, or every linear layer but the output; the backbone's where it is not said. */
  readonly targetModules?: TargetModules;
  readonly init?: string;
  /** Of an adapter to start from, what `targetModules`, `r` and `alpha` do not say. */
  readonly selection?: Selection;
}

/** What the configuration says of it. config.yaml keeps it, so it is plain values that the schema takes again. */
export type GivenLoraOptions = Partial<Omit<LoraOptions, 'selection'>>;
