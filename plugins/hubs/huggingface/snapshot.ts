/** The files of a model or an adapter at a commit, brought from the hub into the cache. */

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { EvolveError, type Located, type LocateRequest, messageOf } from '../../../core/index.js';
import type { RepositoryCache } from './cache.js';
import type { Hub } from './hub.js';
import type { RemoteFile } from './repository.js';
import { CONFIG, filesOfIndex, ggufFiles, type Selection, selectFiles, type Target } from './selection.js';
import { Transfer } from './transfer.js';

/** What a repository is told that holds something else. */
const READS = {
  model: "evolve reads models in Hugging Face's layout, or GGUF files.",
  adapter: "evolve reads adapters in PEFT's layout.",
} as const;

/** One commit's way from the hub into the cache. */
export class Snapshot {
  readonly #transfer: Transfer;

  constructor(
    private readonly cache: RepositoryCache,
    private readonly hub: Hub,
    private readonly commit: string,
    private readonly target: Target,
    private readonly request: LocateRequest,
    notice: (message: string) => void,
  ) {
    const { name } = request;
    this.#transfer = new Transfer(cache, hub, commit, {
      name,
      progress: (state) => request.progress(state),
      notice,
    });
  }

  /**
   * Has all files of the target in the cache, and says where.
   *
   * @throws EvolveError as `locate` does
   */
  async download(): Promise<Located> {
    const { file } = this.target;
    await this.#transfer.open();
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

    await this.#transfer.plan([...companions, ...weights]);
    // Who cannot ask the hub takes config.json, or the weights, as a sign that all before them is there.
    const isConfig = (entry: RemoteFile) => entry.path === CONFIG[this.target.kind];
    const others = companions.filter((entry) => !isConfig(entry));
    for (const group of [others, companions.filter(isConfig), weights]) await this.#transfer.storeAll(group);
    return this.cache.located(this.commit, selection.entry);
  }

  /** The shards that an index names. */
  async #readIndex(index: RemoteFile, names: readonly string[]): Promise<string[]> {
    await this.#transfer.store(index);
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
}
