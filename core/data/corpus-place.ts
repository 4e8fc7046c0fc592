/** Where the rows of a corpus go when they become too many for memory. */

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { EvolveError, messageOf } from '../base/errors.js';
import { displayPath } from '../base/paths.js';
import type { BadRow } from '../contracts/dataset.js';
import type { CorpusFacts } from './corpus-builder.js';
import type { CachedFacts, TokenCache } from './token-cache.js';

/** A corpus as the cache keeps it. */
export interface CachedCorpus extends CachedFacts {
  readonly corpus: CorpusFacts;
  readonly badRows: readonly (BadRow & { source: string })[];
  /** What readers told. */
  readonly notices: readonly string[];
}

/** Where the rows go when they become too many for memory: into the cache, or a folder that goes with the run. */
export class CorpusPlace {
  /** Thrown where another process makes the same. */
  readonly taken = new Error('another process makes the same corpus');
  folder: string | undefined;
  isCached = false;

  constructor(
    private readonly cache: TokenCache<CachedCorpus>,
    private readonly key: string | undefined,
    private readonly tell: (message: string) => void,
  ) {}

  async make(): Promise<string> {
    if (this.key !== undefined)
      try {
        this.folder = await this.cache.begin(this.key);
        this.isCached = this.folder !== undefined;
        if (!this.folder) throw this.taken;
        return this.folder;
      } catch (error) {
        if (error === this.taken) throw error;
        this.tell(`the token cache ${displayPath(this.cache.folder)} cannot be written: ${messageOf(error)}`);
      }
    const above = await mkdir(this.cache.folder, { recursive: true }).then(
      () => this.cache.folder,
      () => tmpdir(),
    );
    this.folder = await mkdtemp(path.join(above, 'rows-')).catch(() =>
      mkdtemp(path.join(tmpdir(), 'evolve-rows-')),
    );
    return this.folder;
  }

  async complete(facts: CachedCorpus): Promise<void> {
    if (this.isCached) await this.cache.complete(this.key as string, facts);
    // The files are open, and go when they are closed: whatever ends the run, nothing stays.
    else if (this.folder !== undefined) await rm(this.folder, { recursive: true, force: true });
  }

  async abandon(): Promise<void> {
    if (this.isCached) await this.cache.abandon(this.key as string);
    else if (this.folder !== undefined) await rm(this.folder, { recursive: true, force: true });
  }
}

/** What the person is told where the place took no more. */
export function writeFault(error: unknown, folder: string | undefined): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (folder === undefined || (code !== 'ENOSPC' && code !== 'EDQUOT' && code !== 'EIO')) return error;
  const advice =
    'Make room there, or name another folder with EVOLVE_CACHE. `evolve data cache --clear` empties it.';
  return new EvolveError('WRITE_FAILED', `the token cache ${displayPath(folder)}: ${message}`, advice, {
    cause: error,
  });
}
