/** What backbone plugins make of a checkpoint: a language model. */

import type { RandomStreams } from '../base/random.js';
import type { tf } from '../base/tf.js';
import type { Batch } from './batch.js';
import type { CachePass } from './cache.js';
import type { Checkpoint } from './checkpoint.js';
import type { EmbeddingSite } from './embedding-site.js';
import type { EncodedExample } from './labels.js';
import type { LinearSite } from './linear-site.js';
import type { BackboneRequest } from './model-files.js';
import type { Pass } from './pass.js';

/** A language model as a backbone plugin loads it. It takes token ids, which its encoder makes of text. */
export interface LanguageModel {
  /** The backbone's name, as `model.backbone` takes it. */
  readonly backbone: string;
  /** The folder or file it was loaded from. */
  readonly path: string;
  /** A name under which it can be loaded again: its path, or `owner/name@commit` on a hub. Set once it is loaded. */
  name: string;
  /** How many positions the model was made for. */
  readonly maxLength: number;
  /** The key of config.json that sets `maxLength`, if that is not the number of positions: `sliding_window`. */
  readonly limitedBy?: string | undefined;
  /** The linear layers that quantizers and adapters find by name. */
  readonly linears: readonly LinearSite[];
  /** The embeddings, which adapters find by name. Where an embedding and an output layer are tied, both have one weight. */
  readonly embeddings: readonly EmbeddingSite[];
  /** Scales of norms and biases, by their names in the checkpoint: variables, so that an adapter can have them trained. */
  readonly vectors: ReadonlyMap<string, tf.Variable<tf.Rank.R1>>;
  /** Where adapters go by default: ends of the names of linear layers. */
  readonly targetModules?: readonly string[] | undefined;
  /** Files of the checkpoint that belong to a saved model too, beside those that every model has. */
  readonly companions?: readonly string[] | undefined;
  /** What an optimizer step changes, by the name under which it is saved. Adapters add to it. */
  readonly trainable: Map<string, tf.Variable>;
  /** What a run saves, in a folder of this name: an adapter for the base model, or a whole model. An adapter sets it. */
  saves: 'adapter' | 'model';

  collate(examples: readonly EncodedExample[]): Batch;
  /**
   * The cross-entropy summed over the batch's target tokens, a scalar, in nats. Differentiable by the trainable variables.
   *
   * @throws Error if `pass` asks for a pass without adapters, and training has changed the weights themselves
   */
  crossEntropy(batch: Batch, pass: Pass): tf.Scalar;
  /** The log-probability of each target token, `[targets]`, in the batch's order, in nats. Otherwise as `crossEntropy`. */
  logProbabilities(batch: Batch, pass: Pass): tf.Tensor1D;
  /**
   * What follows each token: logits `[tokens, vocabulary]`. Otherwise as `crossEntropy`.
   *
   * @param positions only what follows these tokens, `[positions, vocabulary]`
   */
  logits(batch: Batch, pass: Pass, positions?: Int32Array): tf.Tensor2D;
  /**
   * What follows the last token of each sequence: logits `[sequences, vocabulary]`.
   *
   * @param batch with a cache: `cache.batch`, the tokens that are not cached
   * @param cache what came before these tokens. Every layer adds their keys and values to it; the caller commits it
   */
  nextLogits(batch: Batch, cache?: CachePass): tf.Tensor2D;
  /** Frees the model's tensors. */
  dispose(): void;
}

/** What a backbone is asked: do you know this checkpoint? It answers with the model, or with undefined. */
export interface ModelRequest extends BackboneRequest {
  /** `checkpoint` reads the weights. `random` draws new ones from `random`, and does not open the checkpoint. */
  readonly init: 'checkpoint' | 'random';
  readonly random: RandomStreams;
  /** The checkpoint's tensors, opened on the first call, in whatever format a plugin knows. */
  openCheckpoint(): Promise<Checkpoint>;
}
