/**
 * Builds the cuda device's addon with the machine's C++ compiler, as `npm install` does; it takes no CUDA toolkit. With
 * `--emulated` it builds the emulated driver for the tests instead, for the sanitizers where EVOLVE_SANITIZE names them, as
 * ../native/build.ts does.
 */

import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildLibrary, COMMON_FLAGS } from '../kit/build-addon.js';
import { buildFolder } from '../kit/build-report.js';
import { emulatedDriver } from './emulated.js';

const sanitizer = process.env.EVOLVE_SANITIZE ?? '';
const isEmulated = process.argv.includes('--emulated');
const isBuilt = await buildLibrary({
  device: 'cuda',
  sources: path.join(path.dirname(fileURLToPath(import.meta.url)), 'src'),
  ...(isEmulated
    ? {
        folder: path.dirname(emulatedDriver()),
        name: path.basename(emulatedDriver()),
        report: 'build',
        flags: [
          ...COMMON_FLAGS,
          ...(sanitizer
            ? [
                '-O1',
                '-g1',
                `-fsanitize=${sanitizer}`,
                '-fno-sanitize-recover=all',
                '-fno-omit-frame-pointer',
              ]
            : ['-O2']),
          ...['-fno-math-errno', '-ffp-contract=off'],
        ],
        units: [
          { name: 'kernels', source: 'kernels.cu', flags: ['-x', 'c++'] },
          { name: 'driver', source: 'emulator/driver.cpp' },
          { name: 'fibers', source: 'emulator/fibers.cpp' },
        ],
      }
    : {
        folder: buildFolder(),
        name: 'cuda.node',
        report: 'cuda',
        flags: [...COMMON_FLAGS, '-O2'],
        units: [{ name: 'addon', source: 'addon/addon.cpp' }],
      }),
});
if (isEmulated && !isBuilt) process.exitCode = 1;
