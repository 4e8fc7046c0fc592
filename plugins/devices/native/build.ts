/**
 * Builds the native device's addon with the machine's C++ compiler: `npm install` runs this, and so does
 * `npm run build:native`. It never fails an installation: where there is no addon, `device: auto` takes another
 * device and says why. `EVOLVE_SANITIZE=address,undefined` (or thread) builds for the sanitizers, beside the other.
 */

import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildLibrary, COMMON_FLAGS } from '../kit/build-addon.js';
import { buildFolder } from '../kit/build-report.js';

const AVX2 = ['-mavx2', '-mfma', '-mf16c'];
const AVX512 = ['-mavx512f', '-mavx512bw', '-mavx512vl', '-mavx512dq', '-mfma', '-mf16c'];
interface Isa {
  readonly name: string;
  readonly table: string;
  readonly flags: readonly string[];
  /** What tells isa.cpp that it is there. A compiler that does not know its flags builds without it: it came late. */
  readonly define?: string;
}
/** The instruction sets of the machine's architecture: src/kernels/ is compiled once for each. */
const ISAS: readonly Isa[] = [
  { name: 'plain', table: 'kernelsPlain', flags: [] },
  ...(process.arch === 'x64'
    ? [
        { name: 'avx2', table: 'kernelsAvx2', flags: AVX2 },
        {
          name: 'avx-vnni',
          table: 'kernelsAvxVnni',
          flags: [...AVX2, '-mavxvnni'],
          define: 'EVOLVE_AVX_VNNI',
        },
        { name: 'avx512', table: 'kernelsAvx512', flags: AVX512 },
        { name: 'avx512-vnni', table: 'kernelsAvx512Vnni', flags: [...AVX512, '-mavx512vnni'] },
        {
          name: 'avx512-bf16',
          table: 'kernelsAvx512Bf16',
          flags: [...AVX512, '-mavx512vnni', '-mavx512bf16'],
        },
        // Only Linux has a call that lends the registers.
        ...(process.platform === 'linux'
          ? [
              {
                name: 'amx',
                table: 'kernelsAmx',
                flags: [...AVX512, '-mavx512vnni', '-mavx512bf16', '-mamx-tile', '-mamx-bf16', '-mamx-int8'],
                define: 'EVOLVE_AMX',
              },
            ]
          : []),
      ]
    : []),
];

const sanitizer = process.env.EVOLVE_SANITIZE ?? '';

const FLAGS = [
  ...COMMON_FLAGS,
  ...(sanitizer
    ? ['-O1', '-g1', `-fsanitize=${sanitizer}`, '-fno-sanitize-recover=all', '-fno-omit-frame-pointer']
    : ['-O3']),
  '-fno-math-errno',
  '-fno-trapping-math',
  '-ffp-contract=fast',
  // Warned of within the compiler's own headers.
  '-Wno-uninitialized',
  '-Wno-maybe-uninitialized',
];

await buildLibrary({
  device: 'native',
  folder: buildFolder(sanitizer),
  name: 'evolve.node',
  report: 'build',
  sources: path.join(path.dirname(fileURLToPath(import.meta.url)), 'src'),
  flags: FLAGS,
  // The longest first.
  units: [
    ...ISAS.map(({ name, table, flags, define }) => ({
      name: `kernels-${name}`,
      source: 'kernels/kernels.cpp',
      flags: [`-DEVOLVE_TABLE=${table}`, `-DEVOLVE_ISA="${name}"`, ...flags],
      define,
    })).reverse(),
    { name: 'threads', source: 'threads.cpp' },
    { name: 'isa', source: 'isa.cpp' },
    { name: 'addon', source: 'addon/addon.cpp' },
  ],
});
