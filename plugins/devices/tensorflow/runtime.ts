/**
 * Finds TensorFlow and makes it the backend: what `evolve device install tensorflow` has built, or one of the packages
 * @tensorflow/tfjs-node-gpu and @tensorflow/tfjs-node, which fetch TensorFlow's library when they are installed.
 */

import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import util from 'node:util';
import { tf } from '../../../core/index.js';
import type { Binding, NodeBackend } from './binding.js';
import { ADDON, FOLDER, INSTALLED, type Installed, isInstalled } from './installed.js';

export const PACKAGES = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;

/** Without one of these Linux has no GPU that TensorFlow could use: of NVIDIA, of Windows below it, of AMD. */
const GPU_NODES = ['/dev/nvidiactl', '/dev/dxg', '/dev/kfd'];

/** Where TensorFlow may come from. */
export interface Source {
  /** For the person. */
  readonly name: string;
  /** False where loading it would only show that there is no GPU. */
  readonly mayHaveGpu: boolean;
  /** Makes it the backend. @returns what keeps it from working, if anything does */
  load(): Promise<string | undefined>;
}

/** In the order in which they are tried. */
export function sources(): Source[] {
  const packages = PACKAGES.map((name) => ({
    name,
    mayHaveGpu: true,
    load: () => opening(() => import(name), name),
  }));
  return isInstalled() ? [builtHere(), ...packages] : packages;
}

/** TensorFlow as it was opened. */
export function openedBackend(): NodeBackend {
  return tf.backend() as unknown as NodeBackend;
}

function builtHere(): Source {
  const { folder, sources: scripts } = JSON.parse(
    readFileSync(path.join(FOLDER, INSTALLED), 'utf8'),
  ) as Installed;
  const name = `TensorFlow in ${folder}`;
  return {
    name,
    mayHaveGpu: process.platform !== 'linux' || GPU_NODES.some(existsSync),
    load: () =>
      opening(async () => {
        // The second time the backend is there.
        if (tf.findBackendFactory('tensorflow')) return;
        const require = createRequire(path.join(scripts, 'package.json'));
        const script = (file: string) => path.join(scripts, 'dist', `${file}.js`);
        const binding = require(path.join(FOLDER, ADDON)) as Binding;
        const { NodeJSKernelBackend } = require(script('nodejs_kernel_backend'));
        require(script('register_all_kernels'));
        tf.registerBackend('tensorflow', () => new NodeJSKernelBackend(binding, name));
      }, name),
  };
}

async function opening(load: () => Promise<unknown>, name: string): Promise<string | undefined> {
  restoreUtil();
  // TensorFlow tells of its CPU and of CUDA libraries on standard error; the line of the device says what matters.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '3';
  try {
    await load();
    return (await tf.setBackend('tensorflow')) ? undefined : 'does not start its backend';
  } catch (error) {
    return explain(name, error);
  }
}

/** tfjs-node 4.22 calls functions that Node 23 and later no longer have, and that Node 22 warns of. */
function restoreUtil(): void {
  const legacy = util as { isNullOrUndefined?: (value: unknown) => boolean; isArray?: typeof Array.isArray };
  legacy.isNullOrUndefined = (value) => value === null || value === undefined;
  legacy.isArray = Array.isArray;
}

/** One phrase for the two usual cases: never installed, and installed where its native part could not be fetched. */
function explain(name: string, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ERR_MODULE_NOT_FOUND' && message.includes(`'${name}'`)) return 'is not installed';
  if (message.includes('tfjs_binding.node') && (PACKAGES as readonly string[]).includes(name))
    return 'is installed without its addon, which it fetches when installed';
  return `does not load: ${message.split('\n')[0]}`;
}
