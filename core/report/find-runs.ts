/** The runs below a folder. */

import { type Dirent, readdirSync } from 'node:fs';
import path from 'node:path';
import { isRun } from './run-record.js';

/** Runs lie so deep below a folder at most: `runs/mine`, `runs/of-a-study/mine`. */
export const DEPTH = 3;

/** Their folders, the folder itself among them. Within a run none is looked for, nor in hidden folders. */
export function findRuns(folder: string, depth = DEPTH): string[] {
  if (isRun(folder)) return [folder];
  if (depth === 0) return [];
  const isFolder = (entry: Dirent) => entry.isDirectory() && !/^\.|^node_modules$/.test(entry.name);
  return entriesOf(folder)
    .filter(isFolder)
    .flatMap(({ name }) => findRuns(path.join(folder, name), depth - 1));
}

/** None where the system refuses it. */
function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}
