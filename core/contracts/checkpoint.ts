/** What checkpoint plugins do: a file format, read and written as named tensors. */

import type { DenseType } from '../base/floats.js';

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
