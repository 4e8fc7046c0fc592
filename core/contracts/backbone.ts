/** What backbone plugins make of a checkpoint: a language model. */

import type * as tf from '@tensorflow/tfjs';
import type { RandomStreams } from '../base/random.js';
import type { Batch } from './batch.js';
import type { CachePass } from './cache.js';
import type { Checkpoint } from './checkpoint.js';
import type { Example, Prompt } from './dataset.js';
import type { EmbeddingSite } from './embedding-site.js';
import type { EncodedExample, Tokenizer } from './encoder.js';
import type { Pass } from './pass.js';
import type { LinearSite } from './site.js';

/**
 * A language model as a backbone plugin loads it. The backbone owns everything about tokens: the prompt's
 * template, special tokens, the label mask, positions, the shape of attention.
 */
export interface LanguageModel {
  /** The backbone's name, as `model.backbone` takes it. */
  readonly backbone: string;
  /** The folder or file it was loaded from. */
  readonly path: string;
  /** Under which it can be had again: its path, or where a hub has it `owner/name@commit`. Set once it is loaded. */
  name: string;
  readonly tokenizer: Tokenizer;
  /** Positions that the model was made for. */
  readonly maxLength: number;
  /** The key of config.json that `maxLength` follows, where it is not the number of positions: `sliding_window`. */
  readonly limitedBy?: string;
  /** The linear layers that quantizers and adapters find by name. */
  readonly linears: readonly LinearSite[];
  /** The embeddings, which adapters find by name. Where an embedding and an output layer are tied, both have one weight. */
  readonly embeddings: readonly EmbeddingSite[];
  /** Scales of norms and biases, by their names in the checkpoint: variables, so that an adapter can have them trained. */
  readonly vectors: ReadonlyMap<string, tf.Variable<tf.Rank.R1>>;
  /** Where adapters go that are told nothing else: ends of the names of linear layers. */
  readonly targetModules?: readonly string[];
  /** Files of the checkpoint that belong to a saved model too, beside those that every model has. */
  readonly companions?: readonly string[];
  /** What an optimizer step changes, by the name under which it is saved. Adapters add to it. */
  readonly trainable: Map<string, tf.Variable>;
  /** What a run leaves, in a folder of that name: an adapter for the base model, or a whole model. An adapter sets it. */
  saves: 'adapter' | 'model';

  /** An example in tokens, cut at `cutoffLength`. */
  encode(example: Example, cutoffLength: number): EncodedExample;
  /** The tokens after which an answer is to be generated. */
  encodePrompt(prompt: Prompt): number[];
  collate(examples: readonly EncodedExample[]): Batch;
  /** The cross-entropy summed over the batch's target tokens, a scalar. Differentiable by the trainable variables. */
  loss(batch: Batch, pass: Pass): tf.Scalar;
  /** What follows each token: logits `[tokens, vocabulary]`. */
  logits(batch: Batch, pass: Pass): tf.Tensor2D;
  /**
   * What follows the last token of each sequence: logits `[sequences, vocabulary]`.
   *
   * @param batch with a cache `cache.batch`: the tokens that are not cached
   * @param cache what came before them, to which every layer adds their keys and values; the caller commits it
   */
  nextLogits(batch: Batch, cache?: CachePass): tf.Tensor2D;
  /** Frees the model's tensors. */
  dispose(): void;
}

/** What a backbone is asked: do you know this checkpoint? It answers with the model, or with undefined. */
export interface ModelRequest {
  /** An absolute path of a folder or file. */
  readonly path: string;
  /** `auto`, or the one backbone that is to answer. */
  readonly backbone: string;
  /** Whether the weights are those of the checkpoint, or drawn anew from `random` (the checkpoint is then not opened). */
  readonly init: 'checkpoint' | 'random';
  readonly random: RandomStreams;
  /** Says which values of `model_type` a backbone takes. People are told them where no backbone takes the model. */
  takes(modelTypes: readonly string[]): void;
  /** A file of the model: of those that the checkpoint itself holds, or else of the folder; undefined where there is none. */
  readFile(name: string): Promise<Uint8Array | undefined>;
  /** The same, a JSON object, parsed. */
  readJson(name: string): Promise<Record<string, unknown> | undefined>;
  /** The checkpoint's tensors, opened on the first call, in whatever format a plugin knows. */
  openCheckpoint(): Promise<Checkpoint>;
}
