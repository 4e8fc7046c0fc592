/**
 * Corpora that were encoded once, for later runs: a folder for each, whose name follows from all that its rows follow from.
 * One process makes a folder, and others that need the same wait for it.
 */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { EvolveError } from '../base/errors.js';
import { holderOf, tryLock, unlock } from '../base/lock.js';
import { userCache } from '../base/user-cache.js';
import { STORE_FILES, type StoreFacts } from './token-store.js';

/** Of facts.json. A cache of another form is not read. */
export const CACHE_FORM = 1;

const FACTS = 'facts.json';
const PARTIAL = '.partial';
/** What all of it may take, unless EVOLVE_CACHE_GIB says otherwise. */
const MOST_GIB = 32;

/** What a cached corpus says of itself. */
export interface CachedFacts extends StoreFacts {
  readonly form: number;
  /** Where the rows are from, for people. */
  readonly names: readonly string[];
}

/** A corpus in the cache, as `evolve data cache` lists it. */
export interface CacheEntry {
  readonly names: readonly string[];
  readonly rows: number;
  readonly bytes: number;
  readonly used: Date;
}

export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  return path.join(userCache(env), 'tokens');
}

/** @throws EvolveError COMMAND_LINE if the variable is no number */
function mostBytes(): number {
  const text = process.env.EVOLVE_CACHE_GIB || String(MOST_GIB);
  if (Number(text) >= 0) return Number(text) * 2 ** 30;
  throw new EvolveError('COMMAND_LINE', `EVOLVE_CACHE_GIB is "${text}": expected a number of GiB`);
}

export class TokenCache<F extends CachedFacts = CachedFacts> {
  readonly #mostBytes = mostBytes();

  constructor(readonly folder = cacheFolder()) {}

  /** What the corpus says of itself, and its folder; undefined if it is not there, or is damaged, and then gone. */
  async find(key: string): Promise<{ folder: string; facts: F } | undefined> {
    const folder = path.join(this.folder, key);
    const facts = await this.#readFacts(folder);
    if (!facts) return undefined;
    if (!(await isWhole(folder, facts))) {
      await rm(folder, { recursive: true, force: true });
      return undefined;
    }
    const now = new Date();
    // Which was used last is kept longest.
    await utimes(path.join(folder, FACTS), now, now).catch(() => {});
    return { folder, facts };
  }

  /** The number of the process that makes this corpus; undefined if none does. */
  makerOf(key: string): number | undefined {
    return holderOf(path.join(this.folder, key + PARTIAL))?.pid;
  }

  /** An empty folder for a corpus that is made; undefined if another process makes it. */
  async begin(key: string): Promise<string | undefined> {
    const folder = path.join(this.folder, key + PARTIAL);
    if (await tryLock(folder)) return undefined;
    // What a process left that was killed. Others that try to lock the folder have files there for a moment.
    try {
      for (const name of Object.values(STORE_FILES)) await rm(path.join(folder, name), { force: true });
    } catch (error) {
      // Others would wait for this process as long as it lives.
      await unlock(folder);
      throw error;
    }
    return folder;
  }

  /** The corpus is whole: it gets its name, and those that were used least recently go where all take too much. */
  async complete(key: string, facts: F): Promise<string> {
    const partial = path.join(this.folder, key + PARTIAL);
    const final = path.join(this.folder, key);
    const file = await open(path.join(partial, FACTS), 'w');
    await file.writeFile(JSON.stringify(facts));
    await file.sync();
    await file.close();
    await rm(final, { recursive: true, force: true });
    await rename(partial, final);
    await unlock(final);
    await this.#prune(key);
    return final;
  }

  async abandon(key: string): Promise<void> {
    await rm(path.join(this.folder, key + PARTIAL), { recursive: true, force: true });
  }

  async list(): Promise<CacheEntry[]> {
    const entries = await Promise.all(
      (await this.#keys()).map(async (key): Promise<CacheEntry[]> => {
        const folder = path.join(this.folder, key);
        const facts = await this.#readFacts(folder);
        if (!facts) return [];
        const { mtime: used } = await stat(path.join(folder, FACTS));
        return [{ names: facts.names, rows: facts.count, bytes: bytesOf(facts), used }];
      }),
    );
    return entries.flat().sort((a, b) => b.used.getTime() - a.used.getTime());
  }

  /** Removes all that no process makes just now. Runs that read it go on: their files are open. */
  async clear(): Promise<void> {
    for (const key of await readdir(this.folder).catch(() => []))
      if (!holderOf(path.join(this.folder, key)))
        await rm(path.join(this.folder, key), { recursive: true, force: true });
  }

  /**
   * SHA-256 of a file. It is computed once: a later time it is known, if nothing about the file has changed.
   *
   * @throws if the file cannot be read
   */
  async hashOf(file: string): Promise<string> {
    const { size, mtimeNs, ctimeNs, ino } = await stat(file, { bigint: true });
    const state = [size, mtimeNs, ctimeNs, ino].join(' ');
    const place = path.join(this.folder, 'files', createHash('sha256').update(file).digest('hex'));
    const [known, hash] = (await readFile(place, 'utf8').catch(() => '')).split('\n');
    if (known === state) return hash;
    const sha256 = await hashFile(file);
    // Without a cache that can be written it is computed anew each time.
    await writeWhole(place, `${state}\n${sha256}\n`).catch(() => {});
    return sha256;
  }

  async #keys(): Promise<string[]> {
    const names = await readdir(this.folder).catch(() => []);
    return names.filter((name) => /^[0-9a-f]{64}$/.test(name));
  }

  async #readFacts(folder: string): Promise<F | undefined> {
    try {
      const facts: F = JSON.parse(await readFile(path.join(folder, FACTS), 'utf8'));
      return facts.form === CACHE_FORM ? facts : undefined;
    } catch {
      return undefined;
    }
  }

  async #prune(kept: string): Promise<void> {
    const entries = await Promise.all(
      (await this.#keys()).map(async (key) => {
        const facts = await this.#readFacts(path.join(this.folder, key));
        const used = await stat(path.join(this.folder, key, FACTS)).catch(() => undefined);
        return { key, bytes: facts ? bytesOf(facts) : 0, used: used?.mtimeMs ?? 0 };
      }),
    );
    let total = entries.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { key, bytes } of entries.sort((a, b) => a.used - b.used)) {
      if (total <= this.#mostBytes) return;
      if (key === kept) continue;
      await rm(path.join(this.folder, key), { recursive: true, force: true });
      total -= bytes;
    }
  }
}

function bytesOf({ files }: StoreFacts): number {
  return Object.values(files).reduce((sum, { size }) => sum + size, 0);
}

/** Whether the files are as they were written. The texts are read by people and metrics alone: their size has to do. */
async function isWhole(folder: string, { files }: StoreFacts): Promise<boolean> {
  const checks = Object.entries(STORE_FILES).map(async ([name, file]) => {
    const { size, sha256 } = files[name as keyof typeof STORE_FILES];
    const place = path.join(folder, file);
    const found = await stat(place).catch(() => undefined);
    if (found?.size !== size) return false;
    return name === 'examples' || (await hashFile(place)) === sha256;
  });
  return (await Promise.all(checks)).every(Boolean);
}

async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 2 ** 20 }), hash);
  return hash.digest('hex');
}

async function writeWhole(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const partial = `${file}.${process.pid}${PARTIAL}`;
  await writeFile(partial, text);
  await rename(partial, file);
}
