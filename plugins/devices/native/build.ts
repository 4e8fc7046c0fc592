/**
 * Builds the native device's addon with the machine's C++ compiler: `npm install` runs this, and so does
 * `npm run build:native`. It never fails an installation: where there is no addon, `device: auto` takes another
 * device and says why. `EVOLVE_SANITIZE=address,undefined` (or thread) builds for the sanitizers, beside the other.
 */

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildReport, buildFolder } from './build-report.js';

const SOURCES = path.join(path.dirname(fileURLToPath(import.meta.url)), 'src');

const AVX2 = ['-mavx2', '-mfma', '-mf16c'];
const AVX512 = ['-mavx512f', '-mavx512bw', '-mavx512vl', '-mavx512dq', '-mfma', '-mf16c'];
interface Isa {
  readonly name: string;
  readonly table: string;
  readonly flags: readonly string[];
  /** What tells isa.cpp that it is there. A compiler that does not know its flags builds without it: it came late. */
  readonly defines?: string;
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
          defines: 'EVOLVE_AVX_VNNI',
        },
        { name: 'avx512', table: 'kernelsAvx512', flags: AVX512 },
        { name: 'avx512-vnni', table: 'kernelsAvx512Vnni', flags: [...AVX512, '-mavx512vnni'] },
        {
          name: 'avx512-bf16',
          table: 'kernelsAvx512Bf16',
          flags: [...AVX512, '-mavx512vnni', '-mavx512bf16'],
        },
      ]
    : []),
];

const INSTALL = 'Install a C++20 compiler (Debian, Ubuntu: apt-get install g++), then run npm rebuild.';

/** A compiler that could be started, or what it said. */
class BuildError extends Error {
  constructor(
    readonly reason: string,
    readonly advice: string,
  ) {
    super(reason);
  }
}

const sanitizer = process.env.EVOLVE_SANITIZE ?? '';
const folder = buildFolder(sanitizer);
const objectFolder = path.join(folder, 'objects');
const log: string[] = [];

const FLAGS = [
  '-std=c++20',
  ...(sanitizer
    ? ['-O1', '-g1', `-fsanitize=${sanitizer}`, '-fno-sanitize-recover=all', '-fno-omit-frame-pointer']
    : ['-O3']),
  '-fPIC',
  '-fvisibility=hidden',
  '-pthread',
  '-fno-math-errno',
  '-fno-trapping-math',
  '-ffp-contract=fast',
  '-Wall',
  '-Wextra',
  // Warned of within the compiler's own headers.
  '-Wno-uninitialized',
  '-Wno-maybe-uninitialized',
];

async function build(): Promise<void> {
  if (process.platform === 'win32') {
    throw new BuildError('it is not made for Windows', 'Use WSL, or device: portable.');
  }
  const compiler = await findCompiler();
  const headers = createRequire(import.meta.url)('node-api-headers').include_dir as string;
  const flags = [...FLAGS, `-I${headers}`];
  const state = fingerprint(compiler, flags);
  if (readState() === state) return;

  // What is there stays in use until the new one takes its place.
  mkdirSync(objectFolder, { recursive: true });
  const object = (name: string) => path.join(objectFolder, `${name}.o`);
  const isas: Isa[] = [];
  for (const isa of ISAS) if (!isa.defines || (await accepts(compiler, isa.flags))) isas.push(isa);
  const defines = isas.flatMap((isa) => (isa.defines ? [`-D${isa.defines}`] : []));
  const units = [
    ...['addon/addon.cpp', 'isa.cpp', 'threads.cpp'].map((source) => ({
      name: path.basename(source, '.cpp'),
      source,
      flags: defines,
    })),
    ...isas.map(({ name, table, flags }) => ({
      name: `kernels-${name}`,
      source: 'kernels/kernels.cpp',
      flags: [`-DEVOLVE_TABLE=${table}`, `-DEVOLVE_ISA="${name}"`, ...flags],
    })),
  ];
  // The longest first.
  await inParallel(units.reverse(), os.availableParallelism(), (unit) =>
    run(compiler, [...flags, ...unit.flags, '-c', path.join(SOURCES, unit.source), '-o', object(unit.name)]),
  );
  const addon = path.join(folder, 'evolve.node');
  const linkFlags = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : [];
  const objects = units.map(({ name }) => object(name));
  await run(compiler, [...FLAGS, '-shared', ...linkFlags, ...objects, '-o', `${addon}.partial`]);
  renameSync(`${addon}.partial`, addon);
  report({ status: 'built', state, compiler });
}

/** What, when changed, asks for another build. */
function fingerprint(compiler: string, flags: readonly string[]): string {
  const hash = createHash('sha256');
  const entries = readdirSync(SOURCES, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => path.join(parentPath, name));
  for (const file of files.sort()) hash.update(readFileSync(file));
  return hash.update(JSON.stringify([compiler, flags, ISAS])).digest('hex');
}

function readState(): string | undefined {
  const file = path.join(folder, 'build.json');
  if (!existsSync(file) || !existsSync(path.join(folder, 'evolve.node'))) return undefined;
  return (JSON.parse(readFileSync(file, 'utf8')) as BuildReport).state;
}

function report(result: BuildReport): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'build.log'), log.join('\n'));
  writeFileSync(path.join(folder, 'build.json'), `${JSON.stringify(result, null, 2)}\n`);
}

async function findCompiler(): Promise<string> {
  const candidates = process.env.CXX ? [process.env.CXX] : ['c++', 'g++', 'clang++'];
  for (const candidate of candidates) {
    try {
      await run(candidate, ['--version']);
      return candidate;
    } catch (error) {
      if (!(error instanceof BuildError)) throw error;
    }
  }
  throw new BuildError(`there is no C++ compiler (${candidates.join(', ')})`, INSTALL);
}

async function accepts(compiler: string, flags: readonly string[]): Promise<boolean> {
  try {
    await run(compiler, [...flags, '-x', 'c++', '-fsyntax-only', '/dev/null']);
    return true;
  } catch (error) {
    if (error instanceof BuildError) return false;
    throw error;
  }
}

async function inParallel<T>(
  items: readonly T[],
  workers: number,
  task: (item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  const work = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await task(item);
  };
  // After a failure what has begun is awaited, and nothing more is begun.
  const working = Array.from({ length: workers }, () =>
    work().catch((error) => {
      queue.length = 0;
      throw error;
    }),
  );
  await Promise.allSettled(working);
  await Promise.all(working);
}

/** CXX as make takes it: a program, or several words such as `ccache g++`. A path may have spaces of its own. */
function wordsOf(compiler: string): string[] {
  return existsSync(compiler) ? [compiler] : compiler.trim().split(/\s+/);
}

/** Runs a command; its output goes to the log. */
function run(compiler: string, given: readonly string[]): Promise<void> {
  const [command, ...args] = [...wordsOf(compiler), ...given];
  const line = [command, ...args].join(' ');
  return new Promise((resolve, reject) => {
    const child = spawn(command, args);
    const output: string[] = [];
    child.stdout.on('data', (data) => output.push(String(data)));
    child.stderr.on('data', (data) => output.push(String(data)));
    child.on('error', (error) =>
      reject(new BuildError(`${command} cannot be started: ${error.message}`, INSTALL)),
    );
    child.on('close', (code) => {
      log.push(`$ ${line}`, ...output);
      if (code === 0) return resolve();
      const lines = output.join('').trimEnd().split('\n');
      const last = lines.slice(-8).join('\n  ');
      reject(
        new BuildError(
          `${command} failed with status ${code}:\n  ${last}`,
          `The whole output is in ${path.join(folder, 'build.log')}. GCC 12 or Clang 16 and later are known to work.`,
        ),
      );
    });
  });
}

try {
  await build();
} catch (error) {
  const { reason, advice } =
    error instanceof BuildError ? error : { reason: String(error), advice: 'Please report this.' };
  rmSync(path.join(folder, 'evolve.node'), { force: true });
  report({ status: 'failed', reason, advice });
  console.warn(`evolve: the native device is not built: ${reason}\n${advice}`);
} finally {
  rmSync(objectFolder, { recursive: true, force: true });
}
