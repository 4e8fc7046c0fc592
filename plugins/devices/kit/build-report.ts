/** Where the addon is built, and what the build leaves there about itself. */

import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export interface BuildReport {
  readonly status: 'built' | 'failed';
  /** Of what was built: sources, compiler, flags. */
  readonly state?: string;
  readonly compiler?: string;
  /** Why it failed, and what to do. */
  readonly reason?: string;
  readonly advice?: string;
}

/** The folder of the package, wherever in it this file was compiled to. */
export function packageFolder(): string {
  let folder = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(folder, 'package.json'))) folder = path.dirname(folder);
  return folder;
}

/** `.native/` in the package, with a folder more for a sanitizer's build. */
export function buildFolder(sanitizer = ''): string {
  return path.join(packageFolder(), '.native', sanitizer);
}
