/**
 * Files as memory. On a device that can map files, the weights of a checkpoint are read where they lie, without a copy. They
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
 * A part of a file, mapped into memory; undefined if the active device maps no files. What is written to it stays in this
 * process. Kernel: `MapFile`.
 *
 * @throws Error if the file cannot be opened, or ends before
 */
export function mapFile(file: string, start: number, length: number): Uint8Array | undefined {
  if (length === 0) return undefined;
  return perform('MapFile', { file, start, length });
}

/** Lets mapped bytes that were read leave memory. They are read again when they are needed. Kernel: `ReleasePages`. */
export function releasePages(bytes: Uint8Array): void {
  perform('ReleasePages', { bytes });
}
