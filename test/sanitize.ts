/**
 * Runs the tests of kernels on builds that see what is read or written out of its place, what C++ leaves undefined, and what
 * threads do to each other: `npm run test:sanitize`. The native device's are run with all of these, the cuda device's, whose
 * threads are fibers on the emulated driver, with the first two. For GCC on Linux.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type BuildReport, buildFolder } from '../plugins/devices/kit/build-report.js';
import { ROOT } from './support/files.js';

interface Sanitizer {
  readonly library: string;
  readonly options: Record<string, string>;
  /** It follows the fibers of the emulated driver. */
  readonly isForFibers: boolean;
}

/** By what EVOLVE_SANITIZE is set to. The library has to be there before Node.js itself, which is built without. */
const SANITIZERS: Readonly<Record<string, Sanitizer>> = {
  'address,undefined': {
    library: 'libasan.so',
    // What Node.js does not free at its end is no fault.
    options: { ASAN_OPTIONS: 'detect_leaks=0', UBSAN_OPTIONS: 'print_stacktrace=1' },
    isForFibers: true,
  },
  thread: {
    library: 'libtsan.so',
    // Node.js's own threads synchronize in ways that only code built for the sanitizer shows.
    options: { TSAN_OPTIONS: 'ignore_noninstrumented_modules=1 halt_on_error=1' },
    isForFibers: false,
  },
};

/** The tests of a device. */
const testsOf = (device: string, names: readonly string[]) =>
  names.map((name) => path.join(ROOT, '.build', 'test', 'plugins', 'devices', device, `${name}.test.js`));
const NATIVE = testsOf('native', ['kernels/**/*', 'backend', 'threads', 'placed-weights']);
const CUDA = testsOf('cuda', ['kernels', 'cublaslt', 'large-products']);
const MOCHA = [
  path.join('node_modules', 'mocha', 'bin', 'mocha.js'),
  ...['--no-config', '--require', path.join(ROOT, '.build', 'test', 'setup.js')],
  ...['--reporter', 'dot', '--timeout', '600000'],
  // Those that ask what becomes of NaN take the ways that the others take.
  ...['--grep', 'no numbers?', '--invert'],
];

function run(command: string, args: readonly string[], further: Record<string, string>): void {
  const env = { ...process.env, ...further };
  const { status, signal } = spawnSync(command, args, { cwd: ROOT, env, stdio: 'inherit' });
  if (status !== 0) throw new Error(`${command} ended with ${status ?? signal}`);
}

function build(device: string, ...options: string[]): void {
  run(
    process.execPath,
    ['--import', 'tsx', path.join('plugins', 'devices', device, 'build.ts'), ...options],
    {},
  );
}

for (const [sanitizer, { library, options, isForFibers }] of Object.entries(SANITIZERS)) {
  console.log(`\n${sanitizer}`);
  process.env.EVOLVE_SANITIZE = sanitizer;
  build('native');
  if (isForFibers) build('cuda', '--emulated');
  const report = readFileSync(path.join(buildFolder(sanitizer), 'build.json'), 'utf8');
  const { status, compiler } = JSON.parse(report) as BuildReport;
  if (status !== 'built' || !compiler) throw new Error('the addon was not built');
  const preloaded = execFileSync(compiler, [`-print-file-name=${library}`], { encoding: 'utf8' }).trim();
  if (!path.isAbsolute(preloaded)) throw new Error(`${compiler} has no ${library}; install GCC's`);
  // The sanitizers want their part of the address space, so it must not be laid out at random.
  const tests = [...NATIVE, ...(isForFibers ? CUDA : [])];
  run('setarch', ['-R', process.execPath, ...MOCHA, ...tests], { ...options, LD_PRELOAD: preloaded });
}
