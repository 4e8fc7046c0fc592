/**
 * One repository's part of the cache, in the layout of huggingface_hub:
 *
 *     models--owner--name/refs/main                      the commit that `main` was last
 *     models--owner--name/blobs/<hash>                   contents, by hash
 *     models--owner--name/snapshots/<commit>/config.json -> ../../blobs/<hash>
 *
 * Nothing gets its name before it is whole. Where there are no links, a snapshot holds the contents themselves.
 */

import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { getRepoFolderName } from '@huggingface/hub';
import type { Located } from '../../../core/index.js';
import type { Environment } from './environment.js';
import { isCommit, type RemoteFile, type RepositoryKind } from './repository.js';

/** What the cache holds of one repository. */
export class RepositoryCache {
  readonly folder: string;

  constructor(
    private readonly environment: Environment,
    readonly repository: string,
    kind: RepositoryKind = 'model',
  ) {
    this.folder = path.join(environment.cache, getRepoFolderName({ type: kind, name: repository }));
  }

  /** The commit of a branch or tag when it was last asked for; a commit is itself. */
  async commitOf(revision: string): Promise<string | undefined> {
    if (isCommit(revision)) return revision;
    const commit = await readFile(this.#ref(revision), 'utf8').catch(() => '');
    return isCommit(commit.trim()) ? commit.trim() : undefined;
  }

  /** Keeps what a branch or tag was, for those who ask without a hub. */
  async remember(revision: string, commit: string): Promise<void> {
    if ((await this.commitOf(revision)) === commit) return;
    await mkdir(path.dirname(this.#ref(revision)), { recursive: true });
    await intoPlace(this.#ref(revision), (temporary) => writeFile(temporary, commit));
  }

  /** The folder of a commit; it may not be there. */
  snapshot(commit: string): string {
    return path.join(this.folder, 'snapshots', commit);
  }

  /** The files that are there of a commit, by their paths in the repository. A link to a blob that is gone is none. */
  async filesOf(commit: string): Promise<string[]> {
    const folder = this.snapshot(commit);
    const entries = await readdir(folder, { recursive: true }).catch(() => []);
    const stats = await Promise.all(
      entries.map((entry) => stat(path.join(folder, entry)).catch(() => undefined)),
    );
    return entries.filter((_, i) => stats[i]?.isFile()).map((entry) => entry.split(path.sep).join('/'));
  }

  /** The snapshot, or its file `entry`, with the name under which it can be had again. */
  located(commit: string, entry?: string): Located {
    return {
      path: path.join(this.snapshot(commit), entry ?? ''),
      name: `${this.repository}${entry ? `/${entry}` : ''}@${commit}`,
    };
  }

  /** The folder of contents. */
  get blobs(): string {
    return path.join(this.folder, 'blobs');
  }

  /** Where the content of a file is; it may not be there. */
  blob({ hash }: RemoteFile): string {
    return path.join(this.blobs, hash);
  }

  /** Whether the content of a file is there, whichever commit it came with. */
  hasBlob(file: RemoteFile): Promise<boolean> {
    return hasSize(this.blob(file), file.size);
  }

  /** Whether a snapshot has a file. */
  has(commit: string, file: RemoteFile): Promise<boolean> {
    return hasSize(this.#pointer(commit, file), file.size);
  }

  /** Whether a file need not be downloaded for a snapshot. */
  async holds(commit: string, file: RemoteFile): Promise<boolean> {
    return (await this.has(commit, file)) || (await this.hasBlob(file));
  }

  /**
   * Gives the blob of `file` its name in the snapshot.
   *
   * @param isNew whether it came just now. Another snapshot may link to one that was there, which stays where it is.
   */
  async link(commit: string, file: RemoteFile, isNew: boolean): Promise<void> {
    const pointer = this.#pointer(commit, file);
    const blob = this.blob(file);
    await mkdir(path.dirname(pointer), { recursive: true });
    if (this.environment.links && (await linkTo(pointer, blob))) return;
    const copy = () => intoPlace(pointer, (temporary) => copyFile(blob, temporary));
    await (isNew ? rename(blob, pointer).catch(copy) : copy());
  }

  #ref(revision: string): string {
    return path.join(this.folder, 'refs', revision);
  }

  #pointer(commit: string, file: RemoteFile): string {
    return path.join(this.snapshot(commit), file.path);
  }
}

async function hasSize(file: string, size: number): Promise<boolean> {
  return (await stat(file).catch(() => undefined))?.size === size;
}

/** Makes `pointer` a link to `blob`; false where the file system has no links. */
async function linkTo(pointer: string, blob: string): Promise<boolean> {
  try {
    await intoPlace(pointer, (temporary) => symlink(path.relative(path.dirname(pointer), blob), temporary));
    return true;
  } catch (error) {
    // What file systems without links say: EPERM (FAT), ENOSYS, ENOTSUP; on Windows it takes a right.
    const { code = '' } = error as NodeJS.ErrnoException;
    if (/^(EPERM|EACCES|ENOSYS|ENOTSUP|EOPNOTSUPP|EINVAL)$/.test(code)) return false;
    throw error;
  }
}

/** Has `make` make a file under another name, which it loses once it is made; what was there is replaced. */
async function intoPlace(file: string, make: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = `${file}.${randomUUID().slice(0, 8)}.tmp`;
  try {
    await make(temporary);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
