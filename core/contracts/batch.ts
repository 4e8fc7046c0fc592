/** What a model computes in one pass. */

/** Sequences one after another, without padding: each example is one. */
export interface Batch {
  /** `[tokens]` */
  readonly inputIds: Int32Array;
  /** `[tokens]`. The label of each sequence's first token is IGNORED: nothing predicts it. */
  readonly labels: Int32Array;
  /** `[tokens]`: the position of each token within its sequence. */
  readonly positions: Int32Array;
  /** `[sequences + 1]`: sequence s is the tokens offsets[s] … offsets[s + 1] − 1. */
  readonly offsets: Int32Array;
  /** How many labels are not IGNORED. */
  readonly targets: number;
}
