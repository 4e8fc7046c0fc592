/** The emulated driver: libcuda.so.1 with the kernels compiled for the CPU (src/emulator/). */

import path from 'node:path';
import { buildFolder } from '../kit/build-report.js';

/** Where `build.ts --emulated` puts it. */
export function emulatedDriver(): string {
  return path.join(buildFolder(process.env.EVOLVE_SANITIZE), 'emulated-gpu', 'libcuda.so.1');
}
