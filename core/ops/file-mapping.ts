/**
 * Files as memory: a device that can lets the weights of a checkpoint be read where they lie, without a copy. They
 * then cost no memory of the process's own, and all processes that read a file share its pages.
 */

import { perform } from './dispatch.js';

declare module './kernels.js' {
  interface Kernels {
    MapFile: { attrs: { file: string; start: number; length: number }; result: Uint8Array };
    ReleasePages: { attrs: { bytes: Uint8Array }; result: undefined };
  }
}

/**
 * A part of a file, mapped into memory, or undefined where the active device maps no files. What is written to it
 * stays in this process. Kernel: `MapFile`.
 *
 * @throws Error where the file cannot be opened, or ends before
 */
export function mapFile(file: string, start: number, length: number): Uint8Array | undefined {
  if (length === 0) return undefined;
  return perform('MapFile', { file, start, length });
}

/** What was read of mapped bytes need not stay in memory; it is read again when it is needed. Kernel: `ReleasePages`. */
export function releasePages(bytes: Uint8Array): void {
  perform('ReleasePages', { bytes });
}
