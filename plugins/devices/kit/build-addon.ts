/**
 * Builds a device's addon, or another library of C++, with the machine's own compiler. What was built before is kept as long as
 * sources, compiler and flags are the same. A build that fails says why in its report, and never fails an installation.
 *
 *     await buildLibrary({ device: 'native', name: 'evolve.node', report: 'build', sources, units, flags });
 */

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import type { BuildReport } from './build-report.js';

/** A file that is compiled by itself. */
export interface Unit {
  /** Of its object file. */
  readonly name: string;
  /** Within the sources. */
  readonly source: string;
  readonly flags?: readonly string[];
  /** Defined for all units where this one is built. A compiler that does not know its flags builds without it. */
  readonly define?: string | undefined;
}

export interface Library {
  /** The device that is not there where the build fails. */
  readonly device: string;
  /** The folder that it goes to. */
  readonly folder: string;
  /** The file that is built. */
  readonly name: string;
  /** The report's name, without its ending. */
  readonly report: string;
  /** The folder of all sources. */
  readonly sources: string;
  readonly units: readonly Unit[];
  readonly flags: readonly string[];
  /** What it is linked to. */
  readonly libraries?: readonly string[];
  /** The command that tries again; `npm rebuild` unless it is given. */
  readonly again?: string;
}

/** What every library is compiled with. */
export const COMMON_FLAGS = [
  '-std=c++20',
  '-fPIC',
  '-fvisibility=hidden',
  '-pthread',
  '-Wall',
  '-Wextra',
] as const;

const COMPILER = 'Install a C++20 compiler (Debian, Ubuntu: apt-get install g++), then run';

/** A compiler that could not be started, or what it said. */
class BuildError extends Error {
  constructor(
    readonly reason: string,
    readonly advice: string,
  ) {
    super(reason);
  }
}

/** @returns whether the library is there */
export async function buildLibrary(library: Library): Promise<boolean> {
  const build = new Build(library);
  try {
    await build.run();
    return true;
  } catch (error) {
    const { reason, advice } =
      error instanceof BuildError ? error : { reason: String(error), advice: 'Please report this.' };
    build.fail(reason, advice);
    console.warn(`evolve: the ${library.device} device is not built: ${reason}\n${advice}`);
    return false;
  } finally {
    build.clean();
  }
}

class Build {
  readonly #log: string[] = [];
  readonly #target: string;
  readonly #objects: string;

  constructor(private readonly library: Library) {
    this.#target = path.join(library.folder, library.name);
    this.#objects = path.join(library.folder, `objects-${library.report}`);
  }

  /** What to do where there is no compiler. */
  get #install(): string {
    return `${COMPILER} ${this.library.again ?? 'npm rebuild'}.`;
  }

  async run(): Promise<void> {
    if (process.platform === 'win32') {
      throw new BuildError('it is not made for Windows', 'Use WSL, or device: portable.');
    }
    const compiler = await this.#findCompiler();
    const headers = createRequire(import.meta.url)('node-api-headers').include_dir as string;
    const { sources } = this.library;
    const flags = [...this.library.flags, `-I${headers}`];
    const state = this.#fingerprint(compiler, flags);
    if (this.#stateBefore() === state) return;
    const units: Unit[] = [];
    for (const unit of this.library.units) if (await this.#accepts(compiler, unit)) units.push(unit);
    flags.push(...units.flatMap(({ define }) => (define ? [`-D${define}`] : [])));

    // What is there stays in use until the new one takes its place.
    mkdirSync(this.#objects, { recursive: true });
    const object = ({ name }: Unit) => path.join(this.#objects, `${name}.o`);
    await inParallel(units, os.availableParallelism(), (unit) => {
      const own = [...flags, ...(unit.flags ?? [])];
      return this.#call(compiler, [...own, '-c', path.join(sources, unit.source), '-o', object(unit)]);
    });
    const linkFlags = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : [];
    const partial = `${this.#target}.partial`;
    await this.#call(compiler, [
      ...this.library.flags,
      '-shared',
      ...linkFlags,
      ...units.map(object),
      ...(this.library.libraries ?? []),
      '-o',
      partial,
    ]);
    renameSync(partial, this.#target);
    this.#report({ status: 'built', state, compiler });
  }

  fail(reason: string, advice: string): void {
    rmSync(this.#target, { force: true });
    this.#report({ status: 'failed', reason, advice });
  }

  clean(): void {
    rmSync(this.#objects, { recursive: true, force: true });
  }

  /** What, when changed, asks for another build. */
  #fingerprint(compiler: string, flags: readonly string[]): string {
    const hash = createHash('sha256');
    const entries = readdirSync(this.library.sources, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => path.join(parentPath, name));
    for (const file of files.sort()) hash.update(readFileSync(file));
    return hash
      .update(JSON.stringify([compiler, flags, this.library.units, this.library.libraries]))
      .digest('hex');
  }

  #stateBefore(): string | undefined {
    const file = this.#file('json');
    if (!existsSync(file) || !existsSync(this.#target)) return undefined;
    return (JSON.parse(readFileSync(file, 'utf8')) as BuildReport).state;
  }

  #file(ending: string): string {
    return path.join(this.library.folder, `${this.library.report}.${ending}`);
  }

  #report(result: BuildReport): void {
    mkdirSync(this.library.folder, { recursive: true });
    writeFileSync(this.#file('log'), this.#log.join('\n'));
    writeFileSync(this.#file('json'), `${JSON.stringify(result, null, 2)}\n`);
  }

  async #findCompiler(): Promise<string> {
    const candidates = process.env.CXX ? [process.env.CXX] : ['c++', 'g++', 'clang++'];
    for (const candidate of candidates) {
      try {
        await this.#call(candidate, ['--version']);
        return candidate;
      } catch (error) {
        if (!(error instanceof BuildError)) throw error;
      }
    }
    throw new BuildError(`there is no C++ compiler (${candidates.join(', ')})`, this.#install);
  }

  async #accepts(compiler: string, { define, flags = [] }: Unit): Promise<boolean> {
    if (!define) return true;
    try {
      await this.#call(compiler, [...flags, '-x', 'c++', '-fsyntax-only', '/dev/null']);
      return true;
    } catch (error) {
      if (error instanceof BuildError) return false;
      throw error;
    }
  }

  /** Runs a command; its output goes to the log. */
  #call(compiler: string, given: readonly string[]): Promise<void> {
    const [command, ...args] = [...wordsOf(compiler), ...given];
    const line = [command, ...args].join(' ');
    return new Promise((resolve, reject) => {
      const child = spawn(command, args);
      const output: string[] = [];
      child.stdout.on('data', (data) => output.push(String(data)));
      child.stderr.on('data', (data) => output.push(String(data)));
      child.on('error', (error) =>
        reject(new BuildError(`${command} cannot be started: ${error.message}`, this.#install)),
      );
      child.on('close', (code) => {
        this.#log.push(`$ ${line}`, ...output);
        if (code === 0) return resolve();
        const lines = output.join('').trimEnd().split('\n');
        const last = lines.slice(-8).join('\n  ');
        reject(
          new BuildError(
            `${command} failed with status ${code}:\n  ${last}`,
            `The whole output is in ${this.#file('log')}. GCC 12 or Clang 16 and later are known to work.`,
          ),
        );
      });
    });
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
