import type { tf } from '../base/tf.js';
import { embedding } from '../ops/embedding.js';
import type { FrozenWeight } from '../ops/frozen-weight.js';
import type { Pass } from './pass.js';

/** What an adapter puts in the place of an embedding's rows. */
export interface EmbeddingAdapter {
  /** `ids` is `[tokens]`; the result `[tokens, hidden]`. */
  forward(ids: Int32Array, site: EmbeddingSite, pass: Pass): tf.Tensor2D;
}

/** An embedding of a model: what adapters find by its name. */
export class EmbeddingSite {
  /** Set by an adapter plugin. */
  adapter: EmbeddingAdapter | undefined;

  constructor(
    /** The module's name as PEFT sees it: `model.embed_tokens`. */
    readonly name: string,
    /** `[vocabulary, hidden]`. A device may replace it by one of its own. */
    public weight: FrozenWeight,
  ) {}

  /** `ids` `[tokens]` -> `[tokens, hidden]`, through the adapter if there is one and the pass takes adapters. */
  forward(ids: Int32Array, pass: Pass): tf.Tensor2D {
    const { adapter } = this;
    return adapter && !pass.withoutAdapters ? adapter.forward(ids, this, pass) : embedding(ids, this.weight);
  }
}
