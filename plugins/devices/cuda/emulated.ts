/** The emulated GPU, where `build.ts --emulated` puts it: libraries that compute on the CPU (src/emulator/). */

import path from 'node:path';
import { buildFolder } from '../kit/build-report.js';

const inFolder = (name: string) => path.join(buildFolder(process.env.EVOLVE_SANITIZE), 'emulated-gpu', name);

/** The driver, with the kernels compiled for the CPU. */
export function emulatedDriver(): string {
  return inFolder('libcuda.so.1');
}

export function emulatedCublasLt(): string {
  return inFolder('libcublasLt.so.12');
}
