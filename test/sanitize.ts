/**
 * Runs the tests of the native device's kernels on builds of its addon that see what is read or written out of its
 * place, what C++ leaves undefined, and what threads do to each other: `npm run test:sanitize`. For GCC on Linux.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type BuildReport, buildFolder } from '../plugins/devices/kit/build-report.js';
import { ROOT } from './support/files.js';

/** By what EVOLVE_SANITIZE is set to. The library has to be there before Node.js itself, which is built without. */
const SANITIZERS: Readonly<Record<string, { library: string; options: Record<string, string> }>> = {
  'address,undefined': {
    library: 'libasan.so',
    // What Node.js does not free at its end is no fault.
    options: { ASAN_OPTIONS: 'detect_leaks=0', UBSAN_OPTIONS: 'print_stacktrace=1' },
  },
  thread: {
    library: 'libtsan.so',
    // Node.js's own threads synchronize in ways that only code built for the sanitizer shows.
    options: { TSAN_OPTIONS: 'ignore_noninstrumented_modules=1 halt_on_error=1' },
  },
};

const TESTS = ['kernels/**/*', 'backend', 'threads', 'placed-weights'].map((name) =>
  path.join(ROOT, '.build', 'test', 'plugins', 'devices', 'native', `${name}.test.js`),
);
const MOCHA = [
  path.join('node_modules', 'mocha', 'bin', 'mocha.js'),
  ...['--no-config', '--require', path.join(ROOT, '.build', 'test', 'setup.js')],
  ...['--reporter', 'dot', '--timeout', '600000'],
  // Those that ask what becomes of NaN take the ways that the others take.
  ...['--grep', 'no numbers?', '--invert'],
  ...TESTS,
];

function run(command: string, args: readonly string[], further: Record<string, string>): void {
  const env = { ...process.env, ...further };
  const { status, signal } = spawnSync(command, args, { cwd: ROOT, env, stdio: 'inherit' });
  if (status !== 0) throw new Error(`${command} ended with ${status ?? signal}`);
}

for (const [sanitizer, { library, options }] of Object.entries(SANITIZERS)) {
  console.log(`\n${sanitizer}`);
  const env = { EVOLVE_SANITIZE: sanitizer };
  run(process.execPath, ['--import', 'tsx', path.join('plugins', 'devices', 'native', 'build.ts')], env);
  const report = readFileSync(path.join(buildFolder(sanitizer), 'build.json'), 'utf8');
  const { status, compiler } = JSON.parse(report) as BuildReport;
  if (status !== 'built' || !compiler) throw new Error('the addon was not built');
  const preloaded = execFileSync(compiler, [`-print-file-name=${library}`], { encoding: 'utf8' }).trim();
  if (!path.isAbsolute(preloaded)) throw new Error(`${compiler} has no ${library}; install GCC's`);
  // The sanitizers want their part of the address space, so it must not be laid out at random.
  run('setarch', ['-R', process.execPath, ...MOCHA], { ...env, ...options, LD_PRELOAD: preloaded });
}
