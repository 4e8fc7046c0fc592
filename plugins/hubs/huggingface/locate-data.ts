/** From the name of a data set to its files on this machine: those of the cache where they suffice, else those of the hub. */

import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { EvolveError, type HubData, type LocateDataRequest, type LocatedData } from '../../../core/index.js';
import { RepositoryCache } from './cache.js';
import { chooseFiles } from './data-files.js';
import { readEnvironment } from './environment.js';
import { type DatasetCard, Hub } from './hub.js';
import { latestHead } from './latest.js';
import { isCommit } from './repository.js';
import { megabytes, Transfer } from './transfer.js';

/** The hub allows neither two dashes nor two dots in a row. */
const NAME = /^(?!.*(--|\.\.))[\w-][\w.-]*(\/[\w-][\w.-]*)?$/;

/**
 * @throws EvolveError HUB_UNKNOWN, HUB_REFUSED, HUB_UNREACHABLE, DOWNLOAD_FAILED, INTERRUPTED
 */
export async function locateData(
  request: LocateDataRequest,
  notice: (message: string) => void,
): Promise<LocatedData | undefined> {
  const { name, revision = 'main', at, signal } = request;
  if (!NAME.test(name)) return undefined;
  const environment = await readEnvironment();
  const cache = new RepositoryCache(environment, name, 'dataset');
  const choices = new Choices(cache, request);

  const known = await cache.commitOf(revision);
  const cached = known && (await choices.located(known));
  // A commit never changes: nobody has to be asked.
  if (cached && (environment.offline || isCommit(revision))) return cached;
  if (environment.offline) {
    const message = `HF_HUB_OFFLINE is set, and ${cache.folder} does not hold what is needed of the data set ${name}`;
    throw new EvolveError('HUB_UNREACHABLE', message, 'Run it once without HF_HUB_OFFLINE.', { at });
  }

  const hub = new Hub({ environment, kind: 'dataset', repository: name, revision, at, signal, notice });
  try {
    const head = await latestHead(hub, Boolean(cached), notice);
    if (head === undefined) return cached || undefined;
    const { commit, card = {} } = head;
    const found = (await choices.located(commit)) ?? (await download(cache, hub, commit, card));
    await cache.remember(revision, commit).catch(() => {});
    return found;
  } catch (error) {
    if (!signal.aborted) throw located(error, at);
    const message = `interrupted while the data set ${name} was downloaded`;
    throw new EvolveError('INTERRUPTED', message, 'What came is kept; the next run goes on from there.');
  }

  async function download(
    cache: RepositoryCache,
    hub: Hub,
    commit: string,
    card: DatasetCard,
  ): Promise<LocatedData> {
    const listed = new Map((await hub.files(commit, true)).map((file) => [file.path, file]));
    const chosen = chooseFiles([...listed.keys()], card, request);
    const files = chosen.files.flatMap((file) => listed.get(file) ?? []);
    const transfer = new Transfer(cache, hub, commit, {
      name,
      progress: (state) => request.progress(state),
      notice,
    });
    await transfer.open();
    const missing = await transfer.plan(files);
    if (missing > 0) {
      const what = [
        `${files.length} ${files.length === 1 ? 'file' : 'files'}`,
        ...(chosen.told ? [chosen.told] : []),
        `${megabytes(missing)} to download`,
        licenceOf(card),
      ];
      notice(`data set ${name}@${commit.slice(0, 7)}: ${what.join(', ')}; it goes to ${cache.folder}`);
    }
    if (chosen.leftOut.length > 0)
      notice(
        `data set ${name}: left out, as of another kind: ${chosen.leftOut.length} of its files, such as ${chosen.leftOut[0]} (file: in the source names others)`,
      );
    await transfer.storeAll(files);
    await choices.remember(commit, chosen.files).catch(() => {});
    return choices.place(commit, chosen.files);
  }
}

/** What the card says; it may say nothing. */
function licenceOf({ license }: DatasetCard): string {
  const licences = [license ?? []].flat();
  return licences.length > 0 ? `licence ${licences.join(', ')}` : 'its card tells no licence';
}

function located(error: unknown, at: readonly PropertyKey[]): unknown {
  if (!(error instanceof EvolveError) || error.at) return error;
  return new EvolveError(error.code, error.message, error.advice, { at, cause: error.cause });
}

/**
 * Which files were chosen of a commit for what was wanted. The hub's list tells it, so that it is kept in the cache for those
 * who cannot ask: `datasets--owner--name/evolve/<commit>-<what was wanted>.json`.
 */
class Choices {
  readonly #wanted: string;

  constructor(
    private readonly cache: RepositoryCache,
    { files, subset, split }: HubData,
  ) {
    this.#wanted = createHash('sha256')
      .update(JSON.stringify([files ?? null, subset ?? null, split ?? null]))
      .digest('hex')
      .slice(0, 16);
    this.#named = files?.some((file) => /[*?]/.test(file)) || split || subset ? undefined : files;
  }

  /** Files by their very names: who knows these needs no list. */
  readonly #named: readonly string[] | undefined;

  /** The files, where they were chosen before and are all here. */
  async located(commit: string): Promise<LocatedData | undefined> {
    const here = await this.cache.filesOf(commit);
    const chosen = await readFile(this.#file(commit), 'utf8')
      .then((text) => JSON.parse(text) as string[])
      .catch(() => this.#named);
    if (!chosen || chosen.length === 0 || !chosen.every((file) => here.includes(file))) return undefined;
    return this.place(commit, chosen);
  }

  place(commit: string, files: readonly string[]): LocatedData {
    const folder = this.cache.snapshot(commit);
    return { path: folder, files: files.map((file) => path.join(folder, file)) };
  }

  async remember(commit: string, files: readonly string[]): Promise<void> {
    const file = this.#file(commit);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(`${file}.${process.pid}.tmp`, JSON.stringify(files));
    await rename(`${file}.${process.pid}.tmp`, file);
  }

  #file(commit: string): string {
    return path.join(this.cache.folder, 'evolve', `${commit}-${this.#wanted}.json`);
  }
}
