/** Makes a folder of files last, and tells later whether it is still what was written. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';

/** The SHA-256 of every other file of the folder, by its name. */
export const CHECKSUMS = 'checksums.json';

/** Writes checksums.json, and returns when the disk has all that is in the folder. */
export async function seal(folder: string): Promise<void> {
  const names = (await readdir(folder)).sort();
  const sums = await Promise.all(
    names.map(async (name) => [name, await sha256Of(path.join(folder, name))] as const),
  );
  await writeFile(path.join(folder, CHECKSUMS), `${JSON.stringify(Object.fromEntries(sums), null, 2)}\n`);
  for (const name of [...names, CHECKSUMS]) await sync(path.join(folder, name));
  await sync(folder);
}

/** What is wrong with a folder that was sealed, for the person; undefined if it is as it was. */
export async function damageOf(folder: string): Promise<string | undefined> {
  try {
    const text = await readFile(path.join(folder, CHECKSUMS), 'utf8');
    const sums = parsed(text);
    if (sums === undefined) return `${CHECKSUMS} is broken`;
    for (const [name, sum] of Object.entries(sums))
      if ((await sha256Of(path.join(folder, name))) !== sum) return `${name} is not as it was written`;
    return undefined;
  } catch (error) {
    const { code, path: file, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? `${path.basename(file ?? CHECKSUMS)} is missing` : message;
  }
}

/** What `seal` wrote; undefined if it is something else. */
function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const sums: unknown = JSON.parse(text);
    const isFilled = typeof sums === 'object' && sums !== null && Object.keys(sums).length > 0;
    return isFilled ? (sums as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Returns when the disk has the file, or the folder's list of names. */
export async function sync(file: string): Promise<void> {
  const handle = await open(file);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}
