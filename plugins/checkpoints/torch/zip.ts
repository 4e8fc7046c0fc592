import { openPromise } from 'yauzl';
import { invalid } from '../kit/tensor-file.js';

/** An entry of a zip archive, as it stands in the file. */
export interface ZipEntry {
  /** How its bytes are kept; 0 is "stored", without compression. */
  readonly method: number;
  readonly size: number;
  /** Where its bytes begin. */
  readonly start: number;
}

/**
 * The entries by name. Nothing is unpacked, so that stored entries can be mapped from the file.
 *
 * @throws EvolveError if the file is no whole zip archive
 */
export async function readZip(path: string): Promise<Map<string, ZipEntry>> {
  const entries = new Map<string, ZipEntry>();
  try {
    const archive = await openPromise(path, { autoClose: false });
    try {
      for await (const entry of archive.eachEntry()) {
        const { fileName, compressionMethod: method, uncompressedSize: size } = entry;
        if (entries.has(fileName)) throw new Error(`it holds the entry "${fileName}" twice`);
        const { fileDataStart: start } = await archive.readLocalFileHeaderPromise(entry, { minimal: true });
        entries.set(fileName, { method, size, start });
      }
    } finally {
      archive.close();
    }
  } catch (error) {
    throw invalid(path, `this zip archive is cut off or damaged: ${(error as Error).message}`);
  }
  return entries;
}
