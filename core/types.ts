/**
 * What passes between the parts of a run: examples from datasets, batches and models from backbones, tensors
 * from checkpoint formats, devices, and the events that trackers listen to.
 */

import type * as tf from '@tensorflow/tfjs';
import type { EmbeddingSite } from './embedding-site.js';
import type { DenseType } from './frozen-weight.js';
import type { CachedSequence, CachePass } from './key-value-cache.js';
import type { LinearSite } from './linear-site.js';
import type { RandomStreams } from './random.js';

// --- data ---------------------------------------------------------------------------------------------------

/** What a dataset plugin makes of a raw record. */
export type Example = InstructionExample | TextExample;

/** One instruction with its answer, which is what is trained on. */
export interface InstructionExample {
  readonly instruction: string;
  /** Further context of the instruction; often empty. */
  readonly input: string;
  readonly output: string;
}

/** What a model is asked. */
export type Prompt = Pick<InstructionExample, 'instruction' | 'input'>;

/** A text that is trained on as a whole, as in pretraining. */
export interface TextExample {
  readonly text: string;
}

/** What the configuration names under `data.sources`, resolved by the catalogue: one file in one format. */
export interface DataSource {
  /** The catalogue's name, or the path as the person wrote it. */
  readonly name: string;
  /** Absolute; absent where the data is the plugin's own. */
  readonly path?: string;
  readonly format: string;
  /** Which entry of `data.sources` it comes from. */
  readonly index: number;
  /** Take at most this many records. */
  readonly limit?: number;
}

/** An example in tokens. `labels[i]` is the token that position i must have been, or IGNORED. */
export interface EncodedExample {
  readonly inputIds: Int32Array;
  readonly labels: Int32Array;
}

/** The label of a token that is not trained on, such as the prompt's, as in PyTorch's cross-entropy. */
export const IGNORED = -100;

/** Sequences one after another, without padding: each example is one. */
export interface Batch {
  /** `[tokens]` */
  readonly inputIds: Int32Array;
  /** `[tokens]`; that of each sequence's first token, which nothing predicts, is IGNORED. */
  readonly labels: Int32Array;
  /** `[tokens]`: the position of each token within its sequence. */
  readonly positions: Int32Array;
  /** `[sequences + 1]`: sequence s is the tokens offsets[s] … offsets[s + 1] − 1. */
  readonly offsets: Int32Array;
  /** How many labels are not IGNORED: what the loss counts. */
  readonly targets: number;
}

// --- models -------------------------------------------------------------------------------------------------

/** Text <-> token ids. Special tokens are never made from text. */
export interface Tokenizer {
  readonly vocabularySize: number;
  readonly bosId: number | null;
  readonly eosId: number;
  /** All tokens at which an answer ends, `eosId` among them; without it, that one alone. */
  readonly stopIds?: readonly number[];
  encode(text: string): number[];
  decode(ids: readonly number[]): string;
}

/** What is particular to one pass through a model. */
export interface Pass {
  /** Dropout is active. */
  readonly training: boolean;
  /** From which every random choice of this pass derives; the same seed gives the same pass. */
  readonly seed: number;
  /** Each layer's gradient computes the layer again, so that only its input is kept until then. */
  readonly checkpointing: boolean;
  /** What came before the batch's tokens in their sequences: each layer's attention takes its `layer(i)`. */
  readonly cache?: CachePass;
}

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
   * @param cached one for each sequence: tokens that it holds are not computed again, the others are added to it
   */
  nextLogits(batch: Batch, cached?: readonly CachedSequence[]): tf.Tensor2D;
  /** Frees the model's tensors. */
  dispose(): void;
}

/** Asks for the files of a name that is no path. A hub's plugin answers once they are on this machine. */
export interface LocateRequest {
  /** As the configuration has it: `owner/name`, `owner/name@revision`, `owner/name/file.gguf`. */
  readonly name: string;
  readonly kind: 'model' | 'adapter';
  /** False: all but the weights is needed. */
  readonly weights: boolean;
  /** The key of the configuration that holds the name: where faults are. */
  readonly at: readonly PropertyKey[];
  /** Aborted where the run is interrupted. */
  readonly signal: AbortSignal;
  /** Tells how a download goes: about once a second, first before anything is there. */
  progress(state: DownloadState): void;
}

/** Where the files of a model or an adapter are. */
export interface Located {
  /** An absolute path of a folder or file. */
  readonly path: string;
  /** Under which exactly these files can be had again: the path, or `owner/name@commit`. */
  readonly name: string;
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

// --- checkpoints --------------------------------------------------------------------------------------------

/** What a checkpoint tells of a tensor before it is read. */
export interface TensorInfo {
  readonly type: DenseType;
  readonly shape: readonly number[];
}

/** The named tensors of an open checkpoint; bytes are read when asked for. */
export interface Checkpoint {
  /** What to name in messages. */
  readonly path: string;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** What a format that has everything in one file tells besides, under the names of Hugging Face's files: config.json … */
  readonly files?: ReadonlyMap<string, Uint8Array>;
  /** The little-endian bytes of one tensor. */
  read(name: string): Promise<Uint8Array>;
  /**
   * The same, made when called, also after `close`: of a format whose numbers are decoded, and then take more memory
   * than in their file. A quantizer then has them one weight at a time.
   */
  readLater?(name: string): Promise<() => Uint8Array>;
  close(): Promise<void>;
}

/** Opens checkpoints in whatever format a plugin knows. */
export interface CheckpointFiles {
  open(path: string): Promise<Checkpoint>;
  /** A file of the base model, such as config.json, as backbones read it; undefined where there is none. */
  readModelFile(name: string): Promise<Uint8Array | undefined>;
  /** Where the files of an adapter are; `name` is a path or a hub's name. */
  locate(name: string): Promise<string>;
}

/** Tensors to write. */
export interface CheckpointWrite {
  /** The file to write; the format's plugin knows its ending. */
  readonly path: string;
  /** Above this many bytes of tensors the file is split in several, with an index beside them. */
  readonly maxShardBytes?: number;
  readonly tensors: ReadonlyMap<string, TensorToWrite>;
  /** The type to store, where a tensor does not say; f32 where nothing is said. */
  readonly type?: DenseType | 'q8_0';
  readonly metadata?: Readonly<Record<string, string>>;
  /** What a format that has everything in one file holds besides, under the names of Hugging Face's files: config.json … */
  readonly files?: ReadonlyMap<string, Uint8Array>;
}

/** A tensor for a checkpoint: its numbers in fp32, and the type to store them in where that is not the file's. */
export interface TensorToWrite {
  readonly shape: readonly number[];
  /** Its numbers; or pieces of them, made when their turn comes, so that they never are in memory all at once. */
  readonly values: Float32Array | (() => Iterable<Float32Array>);
  readonly type?: DenseType;
}

/** What the `save` hook passes: a folder to fill. It gets its final name when every tap is done. */
export interface SaveRequest {
  readonly folder: string;
  readonly model: LanguageModel;
  /** Optimizer steps done. */
  readonly step: number;
  writeTensors(request: CheckpointWrite): Promise<void>;
}

// --- devices ------------------------------------------------------------------------------------------------

/** Asks for a device. A plugin that is asked and cannot says why with `decline` and answers undefined. */
export interface DeviceRequest {
  /** The name asked for, or `auto`. */
  readonly name: string;
  /** True where `name` is asked for, or any device will do. */
  wants(name: string): boolean;
  decline(name: string, reason: string): void;
}

/** A device that was opened. */
export interface Device {
  readonly name: string;
  /** The TensorFlow.js backend that is active once the device is open. */
  readonly backend: string;
  /** One line for the person: what computes. */
  readonly description: string;
}

// --- events -------------------------------------------------------------------------------------------------

/** What one optimizer step did. With `logEvery` above 1, what the steps since the last event did together. */
export interface StepEvent {
  readonly type: 'step';
  readonly step: number;
  /** Passes through the data so far, as a fraction. */
  readonly epoch: number;
  /** Mean cross-entropy of a target token, in nats. */
  readonly loss: number;
  readonly learningRate: number;
  /** The global norm of the gradients before clipping. */
  readonly gradNorm: number;
  /** Tokens put through. */
  readonly tokens: number;
  readonly tokensPerSecond: number;
}

/** The mean cross-entropy of a target token of the held-out rows, and what plugins add to it. */
export interface EvalEvent {
  readonly type: 'eval';
  readonly step: number;
  readonly evalLoss: number;
  readonly [metric: string]: number | string;
}

/** A line for the person. */
export interface NoticeEvent {
  readonly type: 'notice';
  readonly message: string;
}

/** How far a download is. */
export interface DownloadState {
  readonly name: string;
  /** All that are needed. */
  readonly files: number;
  /** Bytes of them that are there, and bytes that they have. */
  readonly bytes: number;
  readonly totalBytes: number;
}

/** Files come from a hub. The last event of a download says how it ended. */
export interface DownloadEvent extends DownloadState {
  readonly type: 'download';
  readonly status: 'running' | 'completed' | 'failed';
}

/** How many rows a run has, each an example. */
export interface RowCounts {
  readonly trainRows: number;
  /** With packing: into how many rows those of training are packed. */
  readonly packedRows?: number;
  readonly validationRows: number;
}

/** The run is assembled: what it will do. */
export interface StartEvent extends RowCounts {
  readonly type: 'start';
  readonly output: string;
  readonly device: string;
  readonly backbone: string;
  readonly parameters: number;
  readonly trainableParameters: number;
  readonly steps: number;
}

/** The adapter, or the model, was written. */
export interface SaveEvent {
  readonly type: 'save';
  readonly step: number;
  readonly path: string;
}

export type LogEvent = NoticeEvent | DownloadEvent | StartEvent | StepEvent | EvalEvent | SaveEvent;

/** How a run ended, as `run.json` holds it and the `done` hook passes it. */
export interface RunResult {
  readonly status: 'completed' | 'failed' | 'interrupted';
  readonly output: string;
  /** Optimizer steps done. */
  readonly steps: number;
  readonly device: (Device & { requested: string }) | null;
  readonly parameters: { total: number; trainable: number } | null;
  readonly rows: RowCounts | null;
  readonly firstLoss: number | null;
  readonly lastLoss: number | null;
  readonly evalLoss: number | null;
  readonly seconds: number;
  /** The most memory that the process held at a time, mapped files included, in bytes. */
  readonly peakMemory: number;
  readonly versions: Readonly<Record<string, string>>;
  /** Why it failed. */
  readonly error?: { code: string; message: string };
}
