/** Files of a commit on their way from the hub into the cache. */

import { mkdir, statfs } from 'node:fs/promises';
import { type DownloadState, EvolveError } from '../../../core/index.js';
import type { RepositoryCache } from './cache.js';
import { bytesThere, download, isOfDisk, unwritable } from './download.js';
import type { Hub } from './hub.js';
import { withLock } from './lock.js';
import type { RemoteFile } from './repository.js';

/** Files that come at a time. */
const CONNECTIONS = 4;
const PROGRESS_MS = 1_000;

/** Who is told what of a transfer. */
export interface TransferListener {
  /** As messages name what comes. */
  readonly name: string;
  progress(state: DownloadState): void;
  notice(message: string): void;
}

/** Brings files of one commit, and tells how far it is. */
export class Transfer {
  /** Bytes that are there, by file. */
  readonly #bytes = new Map<RemoteFile, number>();
  /** What was begun last for a content, by its hash. */
  readonly #stored = new Map<string, Promise<void>>();
  #toldAt = Number.NEGATIVE_INFINITY;
  #waits = false;

  constructor(
    private readonly cache: RepositoryCache,
    private readonly hub: Hub,
    private readonly commit: string,
    private readonly listener: TransferListener,
  ) {}

  /** Makes the cache ready. @throws EvolveError DOWNLOAD_FAILED if it cannot be written */
  async open(): Promise<void> {
    await mkdir(this.cache.blobs, { recursive: true }).catch((error) => {
      throw unwritable(this.cache.blobs, error);
    });
  }

  /**
   * Counts what is to come. What is stored without that is not told.
   *
   * @returns how many bytes are not here yet
   * @throws EvolveError DOWNLOAD_FAILED if the disk has no room for them
   */
  async plan(files: readonly RemoteFile[]): Promise<number> {
    for (const file of files) this.#bytes.set(file, await this.#bytesThere(file));
    await this.#requireRoom();
    const { bytes, totalBytes } = this.#state();
    return totalBytes - bytes;
  }

  /** Several files at a time; the first fault ends them all. */
  async storeAll(files: readonly RemoteFile[]): Promise<void> {
    const queue = [...files];
    const work = async () => {
      for (let file = queue.shift(); file; file = queue.shift()) await this.store(file);
    };
    const faults: unknown[] = [];
    const workers = Array.from({ length: CONNECTIONS }, () =>
      work().catch((error: unknown) => {
        faults.push(error);
        queue.length = 0;
        this.hub.halt();
      }),
    );
    await Promise.all(workers);
    if (faults.length > 0) throw faults[0];
  }

  /** Has the file in the snapshot, by whatever it takes; after another one of the same content. */
  store(file: RemoteFile): Promise<void> {
    const before = this.#stored.get(file.hash) ?? Promise.resolve();
    const stored = before.then(() => this.#storeNow(file));
    this.#stored.set(file.hash, stored);
    return stored;
  }

  async #bytesThere(file: RemoteFile): Promise<number> {
    if (await this.cache.holds(this.commit, file)) return file.size;
    const bytes = await bytesThere(this.cache.blob(file));
    return bytes > file.size ? 0 : bytes;
  }

  async #requireRoom(): Promise<void> {
    const folder = this.cache.blobs;
    const { bytes, totalBytes } = this.#state();
    const { bavail, bsize } = await statfs(folder).catch(() => ({ bavail: 0, bsize: 0 }));
    const free = bavail * bsize;
    // Some file systems do not know what is free, and say 0.
    if (free === 0 || free >= totalBytes - bytes) return;
    const message = `${this.cache.repository} needs ${megabytes(totalBytes - bytes)} more, but the disk of ${folder} has ${megabytes(free)}`;
    throw new EvolveError(
      'DOWNLOAD_FAILED',
      message,
      'Make room, or let HF_HOME name a folder on another disk.',
    );
  }

  async #storeNow(file: RemoteFile): Promise<void> {
    const { cache, commit, listener } = this;
    if (await cache.has(commit, file)) return;
    const blob = cache.blob(file);
    try {
      const waits = () => {
        if (!this.#waits) listener.notice(`another process downloads ${cache.repository}; waiting for it`);
        this.#waits = true;
      };
      await withLock(`${blob}.evolve.lock`, this.hub.signal, waits, async () => {
        if (await cache.has(commit, file)) return;
        const isNew = !(await cache.hasBlob(file));
        if (isNew) {
          await download({
            hub: this.hub,
            commit,
            file,
            blob,
            isThere: () => cache.holds(commit, file),
            notice: listener.notice,
            progress: (bytes) => this.#progress(file, bytes),
          });
        }
        if (!(await cache.has(commit, file))) await cache.link(commit, file, isNew);
      });
      this.#progress(file, file.size);
    } catch (error) {
      throw isOfDisk(error) ? unwritable(blob, error) : error;
    }
  }

  #state(): DownloadState {
    const sum = (numbers: Iterable<number>) => [...numbers].reduce((total, number) => total + number, 0);
    const files = [...this.#bytes.keys()];
    return {
      name: this.listener.name,
      files: files.length,
      bytes: sum(this.#bytes.values()),
      totalBytes: sum(files.map(({ size }) => size)),
    };
  }

  #progress(file: RemoteFile, bytes: number): void {
    // An index is read before it is known what else there is to come.
    if (!this.#bytes.has(file) || this.#bytes.get(file) === bytes) return;
    if (this.#toldAt === Number.NEGATIVE_INFINITY) this.listener.progress(this.#state());
    this.#bytes.set(file, bytes);
    const state = this.#state();
    const now = performance.now();
    if (now - this.#toldAt < PROGRESS_MS && state.bytes < state.totalBytes) return;
    this.#toldAt = now;
    this.listener.progress(state);
  }
}

/** Bytes for a message: `21 MB`, rounded up. */
export function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6).toLocaleString('en-US')} MB`;
}
