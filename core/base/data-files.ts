/** Which files a path means: one file, a pipe, those of a folder, or those that a wild-card fits. */

import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { EvolveError, messageOf } from './errors.js';
import { displayPath } from './paths.js';

/** The path of standard input. */
export const STDIN = '-';

const WILDCARD = /[*?]/;

/** How data files end. A folder holds other files too, such as a README. */
const DATA_ENDINGS = /\.(json|jsonl|ndjson|csv|tsv|parquet|txt)(\.gz|\.zst)?$/i;

/**
 * The files that `source` means, in the order of their names, so that they are the same on every machine.
 *
 * @param source a file, a folder, a path with `*`, `?` or `**` in it, or `-`
 * @param tell takes what of a folder is left out
 * @throws EvolveError DATA_FILE if it is a folder without data files, or a wild-card that fits none
 */
export async function filesOf(source: string, tell: (message: string) => void = () => {}): Promise<string[]> {
  if (source === STDIN) return [source];
  if (WILDCARD.test(source)) {
    const found = await matching(source);
    if (found.length > 0) return found;
    throw new EvolveError('DATA_FILE', `${displayPath(source)}: no file fits this`, 'Check the path.');
  }
  const found = await stat(source).catch((error: unknown) => {
    throw new EvolveError('DATA_FILE', `${displayPath(source)}: cannot be read: ${messageOf(error)}`);
  });
  if (!found.isDirectory()) return [source];
  const entries = await readdir(source, { withFileTypes: true });
  const files = entries.filter(
    (entry) => !entry.isDirectory() && !isHidden(entry.name) && DATA_ENDINGS.test(entry.name),
  );
  const folders = entries
    .filter((entry) => entry.isDirectory() && !isHidden(entry.name))
    .map(({ name }) => `${name}/`);
  if (files.length > 0) {
    const others = entries.filter((entry) => !isHidden(entry.name) && !files.includes(entry));
    const names = others.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort();
    if (names.length > 0)
      tell(
        `${displayPath(source)}: ${files.length} data ${files.length === 1 ? 'file is' : 'files are'} read; left out: ${some(names)}${folders.length > 0 ? ` (the wild-card ${displayPath(source)}/**/* reads folders too)` : ''}`,
      );
    return files.map(({ name }) => path.join(source, name)).sort();
  }
  const inside = folders.length > 0 ? `, but the folders ${folders.slice(0, 5).join(', ')}` : '';
  const message = `${displayPath(source)}: is a folder with no data file in it${inside}`;
  const advice = `Data files end in .json, .jsonl, .csv, .tsv, .parquet or .txt. A wild-card names others: ${displayPath(source)}/**/*.json`;
  throw new EvolveError('DATA_FILE', message, advice);
}

function some(names: readonly string[]): string {
  return names.slice(0, 5).join(', ') + (names.length > 5 ? ` and ${names.length - 5} more` : '');
}

/** The files that a pattern fits, but for hidden ones. */
async function matching(pattern: string): Promise<string[]> {
  const parts = pattern.split('/');
  const first = parts.findIndex((part) => WILDCARD.test(part));
  const folder = parts.slice(0, first).join('/') || '/';
  const fits = new RegExp(
    `^${parts.slice(first).map(expressionOf).join('/').replaceAll('.*/', '(?:.*/)?')}$`,
  );
  const isDeep = parts.length > first + 1 || parts[first] === '**';
  const entries = await readdir(folder, { withFileTypes: true, recursive: isDeep }).catch(() => []);
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => fits.test(path.relative(folder, file).replaceAll(path.sep, '/')))
    .filter((file) => !path.relative(folder, file).split(path.sep).some(isHidden))
    .sort();
}

function isHidden(name: string): boolean {
  return name.startsWith('.');
}

function expressionOf(part: string): string {
  if (part === '**') return '.*';
  const literal = part.replace(/[\\^$+.()|[\]{}]/g, '\\$&');
  return literal.replaceAll('*', '[^/]*').replaceAll('?', '[^/]');
}
