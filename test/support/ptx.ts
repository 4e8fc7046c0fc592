/** What test files ask about kernels.ptx.gz, and about what ptxas says of it. */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { ROOT } from './files.js';

export const CUDA_FOLDER = path.join(ROOT, 'plugins', 'devices', 'cuda');

/** The text of kernels.ptx.gz. */
export function kernelsPtx(): string {
  return gunzipSync(readFileSync(path.join(CUDA_FOLDER, 'kernels.ptx.gz'))).toString();
}

/** The SHA-256 of a kernel source with what it includes in its place, each file once, as make-ptx.py makes it. */
export function digestOf(file: string): string {
  return createHash('sha256').update(flattened(file, new Set())).digest('hex');
}

function flattened(file: string, seen: Set<string>): string {
  if (seen.has(file)) return '';
  seen.add(file);
  const lines = readFileSync(file, 'utf8').replace(/\n$/, '').split('\n');
  return lines
    .flatMap((line) => {
      const [, include] = line.match(/^#include "(.+)"/) ?? [];
      if (include?.includes('emulator/') || line === '#pragma once') return [];
      return include ? [flattened(path.resolve(path.dirname(file), include), seen)] : [line];
    })
    .join('\n');
}

/** Of each kernel the bytes that it writes to local memory for want of registers, as `ptxas --verbose` says. */
export function spillsOf(output: string): { kernel: string; bytes: number }[] {
  const properties = /Function properties for (\w+)\s+\d+ bytes stack frame, (\d+) bytes spill stores/g;
  return Array.from(output.matchAll(properties), ([, kernel, bytes]) => ({ kernel, bytes: Number(bytes) }));
}
