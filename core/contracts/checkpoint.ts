/** What checkpoint plugins do: they read and write a file format as named tensors. */

import type { DenseType } from '../base/floats.js';

/** What a checkpoint tells of a tensor before it is read. */
export interface TensorInfo {
  readonly type: DenseType;
  readonly shape: readonly number[];
  /** Why it can be no weight, as in `is of type I64`; asking for its type is then an error. */
  readonly fault?: string | undefined;
}

/** The named tensors of an open checkpoint; bytes are read when asked for. */
export interface Checkpoint {
  /** What to name in messages. */
  readonly path: string;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** For a format that has everything in one file: its other contents, under the names of Hugging Face's files. */
  readonly files?: ReadonlyMap<string, Uint8Array> | undefined;
  /** The little-endian bytes of one tensor. */
  read(name: string): Promise<Uint8Array>;
  /**
   * The same, but decoded only when the result is called, also after `close`. For formats whose numbers take more memory
   * decoded than in the file: a quantizer then decodes one weight at a time.
   */
  readLater?(name: string): Promise<() => Uint8Array>;
  close(): Promise<void>;
}

/** Opens checkpoints in whatever format a plugin knows. */
export interface CheckpointFiles {
  open(path: string): Promise<Checkpoint>;
  /** A file of the base model, such as config.json, as backbones read it; undefined if there is none. */
  readModelFile(name: string): Promise<Uint8Array | undefined>;
  /** The folder of an adapter's files. `name` is a path, or a name on a hub. */
  locate(name: string): Promise<string>;
}

/** Tensors to write. */
export interface CheckpointWrite {
  /** The file to write; the format's plugin knows its ending. */
  readonly path: string;
  /** Above this many bytes of tensors the file is split in several, with an index beside them. */
  readonly maxShardBytes?: number | undefined;
  readonly tensors: ReadonlyMap<string, TensorToWrite>;
  /** The type to store tensors in that name none. The default is f32. */
  readonly type?: DenseType | 'q8_0' | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** The other contents, for a format that has everything in one file, under the names of Hugging Face's files. */
  readonly files?: ReadonlyMap<string, Uint8Array> | undefined;
  /** What the model is called, for a format that says it. */
  readonly name?: string | undefined;
  /**
   * The tensors are not the model's, but those of an adapter for it: beside the weight `NAME` of the model `NAME.lora_a`,
   * `[rank, in]`, and `NAME.lora_b`, `[out, rank]`. The layer's weight gets alpha / rank · b a more.
   */
  readonly adapter?: { readonly alpha: number };
}

/** A tensor for a checkpoint: its numbers in fp32, and the type to store them in if it differs from the file's. */
export interface TensorToWrite {
  readonly shape: readonly number[];
  /** Its numbers. Or pieces of them, made when their turn comes, so that they are never all in memory at once. */
  readonly values: Float32Array | (() => Iterable<Float32Array>);
  readonly type?: DenseType | undefined;
}
