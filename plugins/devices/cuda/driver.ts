/**
 * The card that is open: its kernels by name, and launches of them.
 *
 *     const add = driver.kernel('add');
 *     add.overElements(count, a, F32, b, F32, y, F32, count);
 *
 * What a kernel takes is read from kernels.ptx.gz, so there is no second list of it.
 */

import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { Addon, KernelHandle } from './addon.js';

/** Threads of a block, where a kernel does not say. */
const THREADS = 256;
/** A loop over elements takes at most this many blocks a multiprocessor; each thread then takes several elements. */
const BLOCKS_PER_MULTIPROCESSOR = 16;
/** The most that a grid has in y and z. */
export const MOST_ROWS_OF_BLOCKS = 65_535;

type ParameterType = 'u64' | 'u32' | 'f32';

/** The types of each kernel's parameters. */
export function parametersOf(ptx: string): Map<string, ParameterType[]> {
  const entries = ptx.matchAll(/\.visible \.entry (\w+)\(([^)]*)\)/g);
  return new Map(
    Array.from(entries, ([, name, list]) => [
      name,
      Array.from(list.matchAll(/\.param \.(\w+)/g), ([, type]) => type as ParameterType),
    ]),
  );
}

/** The argument of a launch: a number, a pointer, or null for a pointer to nothing. */
export type Argument = number | null;

export class Kernel {
  /** A slot of eight bytes for each argument, in the views that its type needs. */
  readonly #words: Int32Array;
  readonly #floats: Float32Array;

  constructor(
    private readonly driver: Driver,
    readonly name: string,
    private readonly handle: KernelHandle,
    private readonly types: readonly ParameterType[],
  ) {
    this.#words = new Int32Array(2 * types.length);
    this.#floats = new Float32Array(this.#words.buffer);
  }

  /** A thread an element, or one for several. */
  overElements(count: number, ...args: Argument[]): void {
    const most = this.driver.multiprocessors * BLOCKS_PER_MULTIPROCESSOR;
    if (count > 0) this.launch([Math.min(most, Math.ceil(count / THREADS))], THREADS, ...args);
  }

  /** A block a row, with threads for its columns. */
  overRows(rows: number, columns: number, ...args: Argument[]): void {
    const threads = Math.min(1024, Math.max(32, 32 * Math.ceil(columns / 4 / 32)));
    if (rows > 0) this.launch([rows], threads, ...args);
  }

  launch([x, y = 1, z = 1]: readonly number[], threads: number, ...args: Argument[]): void {
    if (args.length !== this.types.length) {
      throw new TypeError(`the kernel ${this.name} takes ${this.types.length} arguments, not ${args.length}`);
    }
    for (const [i, type] of this.types.entries()) {
      const value = args[i] ?? 0;
      if (type === 'f32') {
        this.#floats[2 * i] = value;
      } else {
        this.#words[2 * i] = value;
        this.#words[2 * i + 1] = value / 2 ** 32;
      }
    }
    this.driver.addon.launch(this.handle, x, y, z, threads, this.#words);
  }
}

export class Driver {
  readonly #module: ReturnType<Addon['load']>;
  readonly #parameters: Map<string, ParameterType[]>;
  readonly #kernels = new Map<string, Kernel>();

  /** @param ptx the file of the kernels, packed by gzip */
  constructor(
    readonly addon: Addon,
    readonly multiprocessors: number,
    ptx: string,
  ) {
    const text = gunzipSync(readFileSync(ptx)).toString();
    this.#parameters = parametersOf(text);
    this.#module = addon.load(text);
  }

  kernel(name: string): Kernel {
    let kernel = this.#kernels.get(name);
    if (!kernel) {
      const types = this.#parameters.get(name);
      if (!types) throw new TypeError(`kernels.ptx.gz has no kernel ${name}`);
      kernel = new Kernel(this, name, this.addon.find(this.#module, name), types);
      this.#kernels.set(name, kernel);
    }
    return kernel;
  }
}
