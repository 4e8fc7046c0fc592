import { type FileHandle, open, stat } from 'node:fs/promises';
import { allocate, EvolveError, mapFile } from '../../../core/index.js';

/** Why a checkpoint cannot be used. */
export function invalid(
  path: string,
  message: string,
  advice = 'Download or copy the file again.',
): EvolveError {
  return new EvolveError('CHECKPOINT_INVALID', `${path}: ${message}`, advice);
}

/** A buffer for bytes of the file at `path`, or for what they become. @throws EvolveError OUT_OF_MEMORY */
export function allocateRead(path: string, bytes: number): ArrayBuffer {
  return allocate(bytes, {
    user: `what is read of ${path}`,
    advice: 'Store the frozen weights smaller (quantizer: int8, or nf4), or take a smaller model.',
  });
}

/** An open file of a checkpoint: parts of it are mapped into memory where the device can do that, else read. */
export class TensorFile {
  private constructor(
    readonly path: string,
    readonly size: number,
    private readonly handle: FileHandle,
  ) {}

  static async open(path: string): Promise<TensorFile> {
    const unreadable = (error: Error): never => {
      throw invalid(path, `cannot be read: ${error.message}`, 'See to it that it can be.');
    };
    // To open a pipe would wait for a writer.
    if (!(await stat(path).catch(unreadable)).isFile()) throw invalid(path, 'is no file');
    const handle = await open(path).catch(unreadable);
    try {
      return new TensorFile(path, (await handle.stat()).size, handle);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  close(): Promise<void> {
    return this.handle.close();
  }

  /** Bytes to keep, such as those of a weight. @throws EvolveError if the file ends before */
  async map(start: number, length: number): Promise<Uint8Array> {
    this.#expect(start, length);
    return mapFile(this.path, start, length) ?? this.read(start, length);
  }

  /** Bytes to look at, in memory of their own. @throws EvolveError if the file ends before */
  async read(start: number, length: number): Promise<Buffer> {
    this.#expect(start, length);
    const bytes = Buffer.from(allocateRead(this.path, length));
    // One read returns at most 2 GiB.
    for (let at = 0; at < length; ) {
      const { bytesRead } = await this.handle.read(bytes, at, Math.min(length - at, 2 ** 30), start + at);
      if (bytesRead === 0) throw invalid(this.path, `ended at byte ${start + at} while it was read`);
      at += bytesRead;
    }
    return bytes;
  }

  #expect(start: number, length: number): void {
    if (start + length <= this.size) return;
    throw invalid(this.path, `is cut off: byte ${start + length} is needed, but it has ${this.size}`);
  }
}
