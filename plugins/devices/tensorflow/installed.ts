/** Where `evolve device install tensorflow` puts what it builds, and what it notes of that. */

import { existsSync } from 'node:fs';
import path from 'node:path';
import { buildFolder } from '../kit/build-report.js';

/** All of it. */
export const FOLDER = path.join(buildFolder(), 'tensorflow');
export const ADDON = 'tfjs_binding.node';
/** The note, which is written last. */
export const INSTALLED = 'installed.json';

export interface Installed {
  /** Of TensorFlow, to which the addon is linked. */
  readonly folder: string;
  readonly version: string;
  /** The folder of the package tfjs-node: its JavaScript, and the addon's sources. */
  readonly sources: string;
}

/** Whether an installation was completed. */
export function isInstalled(): boolean {
  return existsSync(path.join(FOLDER, INSTALLED));
}
