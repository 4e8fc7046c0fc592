/** The files of a commit that are needed, brought from the hub into the cache. */

import { mkdir, readFile, statfs } from 'node:fs/promises';
import path from 'node:path';
import { EvolveError, type Located, type LocateRequest, messageOf } from '../../../core/index.js';
import type { RepositoryCache } from './cache.js';
import { bytesThere, download, isOfDisk, unwritable } from './download.js';
import type { Hub } from './hub.js';
import { withLock } from './lock.js';
import type { RemoteFile } from './repository.js';
import { CONFIG, filesOfIndex, ggufFiles, type Selection, selectFiles, type Target } from './selection.js';

/** Files that come at a time. */
const CONNECTIONS = 4;
const PROGRESS_MS = 1_000;
/** What a repository is told that holds something else. */
const READS = {
  model: "evolve reads models in Hugging Face's layout, or GGUF files.",
  adapter: "evolve reads adapters in PEFT's layout.",
} as const;

/** One commit's way from the hub into the cache. */
export class Snapshot {
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
    private readonly target: Target,
    private readonly request: LocateRequest,
    private readonly notice: (message: string) => void,
  ) {}

  /**
   * Has all files of the target in the cache, and says where.
   *
   * @throws EvolveError as `locate` does
   */
  async download(): Promise<Located> {
    const { file } = this.target;
    await mkdir(this.cache.blobs, { recursive: true }).catch((error) => {
      throw unwritable(this.cache.blobs, error);
    });
    const files = new Map(
      (await this.hub.files(this.commit, file?.includes('/') ?? false)).map((entry) => [entry.path, entry]),
    );
    const names = [...files.keys()];
    const selection = await selectFiles(
      { names, readIndex: (index) => this.#readIndex(files.get(index) as RemoteFile, names) },
      this.target,
    );
    this.#check(selection, names);
    const filesOf = (selected: readonly string[]) => selected.map((name) => files.get(name) as RemoteFile);
    const needsWeights = this.target.weights || selection.entry !== undefined;
    const companions = filesOf(selection.companions);
    const weights = needsWeights ? filesOf(selection.weights) : [];

    for (const entry of [...companions, ...weights]) this.#bytes.set(entry, await this.#bytesThere(entry));
    await this.#requireRoom();
    // Who cannot ask the hub takes config.json, or the weights, as a sign that all before them is there.
    const isConfig = (entry: RemoteFile) => entry.path === CONFIG[this.target.kind];
    const others = companions.filter((entry) => !isConfig(entry));
    for (const group of [others, companions.filter(isConfig), weights]) await this.#storeAll(group);
    return this.cache.located(this.commit, selection.entry);
  }

  /** The shards that an index names. */
  async #readIndex(index: RemoteFile, names: readonly string[]): Promise<string[]> {
    await this.#store(index);
    const fail = (message: string): never => {
      throw new EvolveError(
        'CHECKPOINT_INVALID',
        `${this.target.repository}: ${index.path}: ${message}`,
        'Only who keeps the repository can mend this; another revision (owner/name@revision) may be whole.',
      );
    };
    let shards: string[] = [];
    try {
      shards = filesOfIndex(await readFile(path.join(this.cache.snapshot(this.commit), index.path), 'utf8'));
    } catch (error) {
      fail(messageOf(error));
    }
    const missing = shards.filter((name) => !names.includes(name));
    return missing.length > 0
      ? fail(`the repository lacks files that it names: ${missing.join(', ')}`)
      : shards;
  }

  #check({ companions, weights, entry }: Selection, names: readonly string[]): void {
    const { repository, kind, weights: needsWeights } = this.target;
    const fail = (
      code: 'HUB_UNKNOWN' | 'MODEL_UNKNOWN' | 'ADAPTER_INVALID',
      message: string,
      advice: string,
    ) => {
      throw new EvolveError(code, `${repository} ${message}`, advice, { at: this.request.at });
    };
    const ggufs = ggufFiles(names);
    if (entry) {
      const missing = weights.filter((name) => !names.includes(name));
      const others = ggufs.length > 0 ? `It has ${ggufs.join(', ')}.` : 'It has no GGUF files.';
      if (missing.length > 0) fail('HUB_UNKNOWN', `has no file ${missing.join(', ')}`, others);
      return;
    }
    const code = kind === 'model' ? 'MODEL_UNKNOWN' : 'ADAPTER_INVALID';
    if (kind === 'model' && weights.length === 0 && ggufs.length > 1) {
      fail(
        code,
        `has ${ggufs.length} GGUF files: ${ggufs.join(', ')}`,
        `Name one: ${repository}/${ggufs[0]}`,
      );
    }
    if (!companions.includes(CONFIG[kind])) {
      const isAdapter = kind === 'model' && names.includes(CONFIG.adapter);
      const advice = isAdapter
        ? 'It is an adapter: name it in adapter.init (--adapter of evolve generate), and in model.path its base model.'
        : READS[kind];
      fail(code, `has no ${CONFIG[kind]}`, advice);
    }
    if (needsWeights && weights.length === 0) {
      fail(
        code,
        'has no weights in a known format',
        'Known are safetensors, PyTorch .bin and, of models, GGUF.',
      );
    }
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
    const megabytes = (number: number) => `${Math.ceil(number / 1e6).toLocaleString('en-US')} MB`;
    const message = `${this.target.repository} needs ${megabytes(totalBytes - bytes)} more, but the disk of ${folder} has ${megabytes(free)}`;
    throw new EvolveError(
      'DOWNLOAD_FAILED',
      message,
      'Make room, or let HF_HOME name a folder on another disk.',
    );
  }

  /** Several files at a time; the first fault ends them all. */
  async #storeAll(files: readonly RemoteFile[]): Promise<void> {
    const queue = [...files];
    const work = async () => {
      for (let file = queue.shift(); file; file = queue.shift()) await this.#store(file);
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
  #store(file: RemoteFile): Promise<void> {
    const before = this.#stored.get(file.hash) ?? Promise.resolve();
    const stored = before.then(() => this.#storeNow(file));
    this.#stored.set(file.hash, stored);
    return stored;
  }

  async #storeNow(file: RemoteFile): Promise<void> {
    const { cache, commit } = this;
    if (await cache.has(commit, file)) return;
    const blob = cache.blob(file);
    try {
      const waits = () => {
        if (!this.#waits) this.notice(`another process downloads ${this.target.repository}; waiting for it`);
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
            notice: this.notice,
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

  #state() {
    const sum = (numbers: Iterable<number>) => [...numbers].reduce((total, number) => total + number, 0);
    const files = [...this.#bytes.keys()];
    return {
      name: this.request.name,
      files: files.length,
      bytes: sum(this.#bytes.values()),
      totalBytes: sum(files.map(({ size }) => size)),
    };
  }

  #progress(file: RemoteFile, bytes: number): void {
    // An index is read before it is known what else there is to come.
    if (!this.#bytes.has(file) || this.#bytes.get(file) === bytes) return;
    if (this.#toldAt === Number.NEGATIVE_INFINITY) this.request.progress(this.#state());
    this.#bytes.set(file, bytes);
    const state = this.#state();
    const now = performance.now();
    if (now - this.#toldAt < PROGRESS_MS && state.bytes < state.totalBytes) return;
    this.#toldAt = now;
    this.request.progress(state);
  }
}
