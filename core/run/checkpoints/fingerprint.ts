/** Fingerprints of what a run learns from: if one changes, a run cannot go on to the same numbers. */

import { createHash } from 'node:crypto';
import { open, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { SplitRows } from '../../data/rows.js';

/** The rows of a run, in tokens. They follow from data, tokenizer, template and settings. */
export interface RowsFingerprint {
  readonly train: number;
  readonly validation: number;
  readonly sha256: string;
}

export function fingerprintOfRows({ train, validation, corpus }: SplitRows): RowsFingerprint {
  const hash = createHash('sha256').update(corpus.sha256);
  // The first pass tells the order of all: seed and settings make it.
  for (const { examples } of [train.pass(0), validation]) hash.update('rows').update(examples);
  return { train: train.length, validation: validation.length, sha256: hash.digest('hex') };
}

/** What is read of each file: its size, and so many pieces of it, from its begin to its end. A file of gigabytes takes milliseconds. */
const PIECES = 32;
const PIECE_BYTES = 1 << 16;

/** Of the base model's files: config.json, tokenizer and weights. @param location a folder or file */
export async function fingerprintOfModel(location: string): Promise<string> {
  const isFolder = (await stat(location)).isDirectory();
  const names = isFolder ? (await readdir(location)).filter(belongs).sort() : [''];
  const hash = createHash('sha256');
  for (const name of names) {
    const file = path.join(location, name);
    const entry = await stat(file);
    if (!entry.isFile()) continue;
    const { size } = entry;
    const handle = await open(file);
    try {
      hash.update(`${name} ${size}\n`);
      const step = Math.max(PIECE_BYTES, Math.floor((size - PIECE_BYTES) / (PIECES - 1)));
      for (let at = 0; at < size; at += step) {
        const { buffer, bytesRead } = await handle.read(Buffer.alloc(PIECE_BYTES), 0, PIECE_BYTES, at);
        hash.update(buffer.subarray(0, bytesRead));
      }
    } finally {
      await handle.close();
    }
  }
  return hash.digest('hex');
}

/** Files that a model is made of; a README beside them may change. */
function belongs(name: string): boolean {
  return /\.(json|safetensors|bin|pt|pth|gguf|model)$/.test(name);
}
