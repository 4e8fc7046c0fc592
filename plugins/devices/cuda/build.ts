/**
 * Builds the cuda device's addon with the machine's C++ compiler, as `npm install` does; it takes no CUDA toolkit. With
 * `--emulated` it builds the emulated driver and the emulated cublasLt for the tests instead, for the sanitizers where
 * EVOLVE_SANITIZE names them, as ../native/build.ts does.
 */

import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildLibrary, COMMON_FLAGS, type Library } from '../kit/build-addon.js';
import { buildFolder } from '../kit/build-report.js';
import { emulatedCublasLt, emulatedDriver } from './emulated.js';

const sanitizer = process.env.EVOLVE_SANITIZE ?? '';

const ADDON: Omit<Library, 'device' | 'sources'> = {
  folder: buildFolder(),
  name: 'cuda.node',
  report: 'cuda',
  flags: [...COMMON_FLAGS, '-O2'],
  units: [{ name: 'addon', source: 'addon/addon.cpp' }],
};

/** A library of the emulated GPU. */
const emulated = (file: string, report: string, units: Library['units']): typeof ADDON => ({
  folder: path.dirname(file),
  name: path.basename(file),
  report,
  flags: [
    ...COMMON_FLAGS,
    ...(sanitizer
      ? ['-O1', '-g1', `-fsanitize=${sanitizer}`, '-fno-sanitize-recover=all', '-fno-omit-frame-pointer']
      : ['-O2']),
    ...['-fno-math-errno', '-ffp-contract=off'],
  ],
  units,
});
const EMULATED = [
  emulated(emulatedDriver(), 'build', [
    { name: 'kernels', source: 'kernels.cu', flags: ['-x', 'c++'] },
    { name: 'driver', source: 'emulator/driver.cpp' },
    { name: 'fibers', source: 'emulator/fibers.cpp' },
  ]),
  emulated(emulatedCublasLt(), 'cublaslt', [{ name: 'cublaslt', source: 'emulator/cublaslt.cpp' }]),
];

const isEmulated = process.argv.includes('--emulated');
const sources = path.join(path.dirname(fileURLToPath(import.meta.url)), 'src');
for (const library of isEmulated ? EMULATED : [ADDON]) {
  const isBuilt = await buildLibrary({ device: 'cuda', sources, ...library });
  if (isEmulated && !isBuilt) process.exitCode = 1;
}
