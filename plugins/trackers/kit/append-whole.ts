import { appendFileSync, statSync, truncateSync } from 'node:fs';

/** In bytes; 0 where there is no file. */
export function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/**
 * Appends all of `data`, or nothing: a full disk takes a part. It is written at once and without buffering, so that a run that is
 * killed loses nothing.
 */
export function appendWhole(file: string, data: string | Uint8Array): void {
  const before = sizeOf(file);
  try {
    appendFileSync(file, data);
  } catch (error) {
    if (sizeOf(file) > before) truncateSync(file, before);
    throw error;
  }
}
