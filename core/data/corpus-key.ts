/** What the rows of a corpus follow from, as one key: where it is the same, an earlier run's rows are. */

import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { filesOf, STDIN } from '../base/data-files.js';
import { packageVersion } from '../base/version.js';
import type { RunConfig } from '../config/load.js';
import type { DataSource } from '../contracts/dataset.js';
import type { Hooks } from '../plugins/hooks.js';
import { builtInNames } from '../plugins/load.js';
import { CACHE_FORM, type TokenCache } from './token-cache.js';

/** What makes the rows, besides the files of the data. */
export interface KeyParts {
  readonly data: RunConfig['data'];
  readonly sources: readonly DataSource[];
  /** What the encoder was made of: see `ModelAssembler.loadEncoder`. */
  readonly encoder: string;
}

/** Whether built-in plugins alone make the rows. What the code of others does is in no file that could be compared. */
export function isBuiltIn(hooks: Hooks): boolean {
  const known = new Set(builtInNames());
  return [hooks.loadData, hooks.makeTemplate, hooks.loadEncoder].every(({ taps }) =>
    taps.every(({ name }) => known.has(name)),
  );
}

/** The key; undefined if the data can be read once alone, or is a plugin's own. */
export async function corpusKey(
  { data, sources, encoder }: KeyParts,
  cache: Pick<TokenCache<never>, 'hashOf'>,
): Promise<string | undefined> {
  const described: unknown[] = [];
  for (const { path: place, index: _, skip: __, ...source } of sources) {
    if (place === undefined || place === STDIN) return undefined;
    const files: string[] = [];
    for (const file of await filesOf(place)) {
      if (!(await stat(file)).isFile()) return undefined;
      files.push(await cache.hashOf(file));
    }
    described.push([Object.entries(source).sort(), files]);
  }
  const { cutoffLength, long, onBadRow } = data;
  const parts = [CACHE_FORM, packageVersion(), codeStamp(), described, encoder, cutoffLength, long, onBadRow];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** The code that makes rows. Its version alone does not tell what somebody who works on it has just changed. */
const CODE = ['core/data', 'plugins/datasets', 'plugins/templates', 'plugins/backbones'];

function codeStamp(): string {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const files = CODE.flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.js'))
      .map((entry) => path.join(entry.parentPath, entry.name)),
  );
  const hash = createHash('sha256');
  for (const file of files.sort()) {
    const { size, mtimeMs } = statSync(file);
    hash.update(`${path.relative(root, file)} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex');
}
