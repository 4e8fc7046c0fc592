/**
 * NVIDIA's cublasLt: where it is looked for, and which is taken. EVOLVE_CUBLASLT names its file; else it may lie in a folder of
 * CUDA's, where the loader looks, or among the packages of a Python, as PyTorch brings it.
 */

import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '../../../core/index.js';
import type { Addon } from './addon.js';
import { Declined, type OpenCard, versionOf } from './card.js';
import { faultOf } from './kernels/check-large-products.js';
import type { Cuda } from './kernels/kit.js';
import { LargeProducts } from './kernels/large-products.js';

/** From here on own `mma.sync` kernels fall behind; below they reach the speed of NVIDIA's. */
const LEAST_CAPABILITY = 90;
/** Whose functions src/addon/cublaslt.hpp declares; the latest first. */
const MAJORS = [13, 12];
/** A Python that answers later is taken for one without cublasLt. */
const PYTHON_MILLISECONDS = 5000;

type Environment = Readonly<Record<string, string | undefined>>;

export interface CublasLtOptions {
  /** Whether it is looked for. */
  readonly cublasLt: boolean;
  /** Tells the person one line. */
  tell(line: string): void;
}

export interface CublasLtAnswer {
  /** Of the one that is used. */
  readonly version?: string;
  /** What `evolve device` says: where it was found and whether it is used. */
  readonly told: string;
}

/** Has cublasLt take the card's large products, where it is found and computes what own kernels do. Where not, it says why. */
export async function takeCublasLt(
  cuda: Cuda,
  { addon, card, version: driverVersion }: OpenCard,
  { cublasLt: isWanted, tell }: CublasLtOptions,
): Promise<CublasLtAnswer> {
  cuda.largeProducts = undefined;
  addon.closeCublasLt();
  if (!isWanted) return { told: 'not used: switched off' };
  if (card.capability < LEAST_CAPABILITY) {
    return { told: 'not looked for: below compute capability 9.0 own kernels are enough' };
  }
  const declined: string[] = [];
  for await (const library of placesOf(process.env)) {
    try {
      const opened = open(addon, library, driverVersion);
      if (!opened) continue;
      const { version, file } = opened;
      const largeProducts = new LargeProducts(cuda.backend, tell);
      const fault = faultOf(cuda, largeProducts);
      if (fault) throw new Declined(`cublasLt ${version} (${file}) is not taken: ${fault}`);
      cuda.largeProducts = largeProducts;
      return { version, told: `${version} (${file}), takes the large products` };
    } catch (error) {
      if (!(error instanceof Declined)) throw error;
      addon.closeCublasLt();
      declined.push(error.message);
    }
  }
  if (declined.length === 0) return { told: 'not found: own kernels compute all products' };
  const why = declined.join('; ');
  tell(`${why}; own kernels compute all products`);
  return { told: `not used: ${why}` };
}

/** Files that may be cublasLt, and names for the loader, in the order in which they are tried. @param root the file system's */
export async function* placesOf(environment: Environment, root = '/'): AsyncGenerator<string> {
  const { EVOLVE_CUBLASLT: named, CUDA_HOME, CUDA_PATH } = environment;
  if (named) {
    yield named;
    return;
  }
  for (const home of [CUDA_HOME, CUDA_PATH, ...installedCudas(path.join(root, 'usr', 'local'))]) {
    if (home) for (const folder of ['lib64', 'lib']) yield* librariesIn(path.join(home, folder));
  }
  yield* MAJORS.map((major) => `libcublasLt.so.${major}`);
  for (const nvidia of await nvidiaFoldersOfPython(environment)) {
    for (const name of namesIn(nvidia, /^(cublas|cu\d+)$/))
      yield* librariesIn(path.join(nvidia, name, 'lib'));
  }
}

/** `/usr/local/cuda`, which is the one that a person chose, then those of a version, the latest first. */
function installedCudas(folder: string): string[] {
  return [...namesIn(folder, /^cuda$/), ...namesIn(folder, /^cuda-\d/)].map((name) =>
    path.join(folder, name),
  );
}

/** The latest first. */
function librariesIn(folder: string): string[] {
  return namesIn(folder, /^libcublasLt\.so\.\d+$/).map((name) => path.join(folder, name));
}

/** Of a folder that cannot be read, none. */
function namesIn(folder: string, pattern: RegExp): string[] {
  try {
    const names = readdirSync(folder).filter((name) => pattern.test(name));
    return names.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  } catch {
    return [];
  }
}

/** The folders `nvidia` among the packages of the Python of EVOLVE_PYTHON, of the virtual environment, or of python3. */
async function nvidiaFoldersOfPython({ EVOLVE_PYTHON, VIRTUAL_ENV }: Environment): Promise<string[]> {
  const python = EVOLVE_PYTHON || (VIRTUAL_ENV ? path.join(VIRTUAL_ENV, 'bin', 'python') : 'python3');
  const script =
    'import importlib.util as u; s = u.find_spec("nvidia"); print(*(s.submodule_search_locations if s else []), sep="\\n")';
  try {
    const { stdout } = await promisify(execFile)(python, ['-c', script], { timeout: PYTHON_MILLISECONDS });
    return stdout.split('\n').filter((line) => line !== '');
  } catch {
    // No Python, or one that does not answer: then there is no cublasLt in it.
    return [];
  }
}

/**
 * @returns undefined where the loader finds none of that name
 * @throws Declined
 */
function open(
  addon: Addon,
  library: string,
  driverVersion: number,
): { version: string; file: string } | undefined {
  let opened: ReturnType<Addon['openCublasLt']>;
  try {
    opened = addon.openCublasLt(library);
  } catch (error) {
    if (!library.includes('/') && !process.env.EVOLVE_CUBLASLT) return undefined;
    throw new Declined(`cublasLt does not open: ${messageOf(error)}`);
  }
  const { file } = opened;
  const numbers = numbersOf(opened.version);
  const version = numbers.join('.');
  const refused = (why: string) => new Declined(`cublasLt ${version} (${file}) is not taken: ${why}`);
  if (!MAJORS.includes(numbers[0])) throw refused('known are 12 and 13');
  if (numbers[0] > Math.floor(driverVersion / 1000)) {
    throw refused(`the driver is for CUDA ${versionOf(driverVersion)}`);
  }
  try {
    addon.startCublasLt();
  } catch (error) {
    throw refused(messageOf(error));
  }
  return { version, file };
}

/** `120903` -> 12, 9, 3. Before 12 the major number had one digit more behind it: `11902`. */
function numbersOf(version: number): number[] {
  const unit = version < 100_000 ? 1000 : 10_000;
  return [Math.floor(version / unit), Math.floor((version % unit) / 100), version % 100];
}
