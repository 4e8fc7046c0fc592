import { lstat, mkdtemp, readlink, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { EvolveError, messageOf } from './errors.js';
import { displayPath } from './paths.js';

/**
 * Checks that a folder can be written or made, by making a folder in what is there of its path.
 *
 * @param option how the person names it: `output`
 * @throws EvolveError OUTPUT_FOLDER
 */
export async function checkWritable(folder: string, option: string): Promise<void> {
  const refuse = (place: string, why: string): never => {
    throw new EvolveError(
      'OUTPUT_FOLDER',
      `${option}: ${displayPath(place)} ${why}`,
      'Name another folder with --output.',
    );
  };
  let there = folder;
  while (!(await lstat(there).catch(() => undefined)) && path.dirname(there) !== there)
    there = path.dirname(there);
  const entry = await stat(there).catch(async (error: NodeJS.ErrnoException) => {
    const target = await readlink(there).catch(() => undefined);
    const why = target === undefined ? error.message : `is a link to ${target}, which is not there`;
    return refuse(there, why);
  });
  if (!entry.isDirectory()) refuse(there, 'is no folder');
  // Only trying tells: permissions alone say nothing of a file system that is read-only, or that takes no folders.
  await mkdtemp(path.join(there, '.evolve-')).then(rmdir, (error: unknown) =>
    refuse(there, `cannot be written: ${messageOf(error)}`),
  );
}
