/** From a name to files on this machine: those of the cache where they suffice, else those of the hub. */

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { EvolveError, type Located, type LocateRequest, parseModelName } from '../../../core/index.js';
import { RepositoryCache } from './cache.js';
import { readEnvironment } from './environment.js';
import { Hub } from './hub.js';
import { latestHead } from './latest.js';
import { isCommit } from './repository.js';
import { filesOfIndex, ggufFiles, selectFiles, suffices, type Target } from './selection.js';
import { Snapshot } from './snapshot.js';

/**
 * @throws EvolveError HUB_UNKNOWN, HUB_REFUSED, HUB_UNREACHABLE, DOWNLOAD_FAILED, INTERRUPTED; MODEL_UNKNOWN,
 * ADAPTER_INVALID or CHECKPOINT_INVALID where the repository does not hold what it should
 */
export async function locate(
  request: LocateRequest,
  notice: (message: string) => void,
): Promise<Located | undefined> {
  const name = parseModelName(request.name);
  if (!name) return undefined;
  const { at, signal } = request;
  const { revision = 'main', ...wanted } = name;
  const target: Target = { ...wanted, kind: request.kind, weights: request.weights };
  const { repository } = target;
  const environment = await readEnvironment();
  const cache = new RepositoryCache(environment, repository);

  const known = await cache.commitOf(revision);
  const cached = known && (await findCached(cache, known, target));
  // A commit never changes: nobody has to be asked.
  if (cached && (environment.offline || isCommit(revision))) return cached;
  if (environment.offline) {
    const message = `HF_HUB_OFFLINE is set, and ${cache.folder} does not hold what is needed of ${request.name}`;
    const there = known ? await namesOfGgufs(cache, known, request) : [];
    const orName = there.length > 0 ? `, or name a file that is there: ${there.join(', ')}` : '';
    throw new EvolveError('HUB_UNREACHABLE', message, `Run it once without HF_HUB_OFFLINE${orName}.`, { at });
  }

  const hub = new Hub({ environment, kind: 'model', repository, revision, at, signal, notice });
  try {
    const head = await latestHead(hub, Boolean(cached), notice);
    if (head === undefined) return cached || undefined;
    const { commit, files } = head;
    const found =
      (await findCached(cache, commit, target, files)) ??
      (await new Snapshot(cache, hub, commit, target, request, notice).download());
    // It serves those who ask without a network; a cache that cannot be written has its files all the same.
    await cache.remember(revision, commit).catch(() => {});
    return found;
  } catch (error) {
    if (!signal.aborted) throw error;
    const message = `interrupted while ${request.name} was downloaded`;
    throw new EvolveError('INTERRUPTED', message, 'What came is kept; the next run goes on from there.');
  }
}

/**
 * What the cache holds of a commit, where that is all that is needed.
 *
 * @param listed the hub's list of its files. Without it the files that are here must tell, of which one GGUF file alone
 * tells nothing: the repository may have others, or weights in a format that comes first.
 */
async function findCached(
  cache: RepositoryCache,
  commit: string,
  target: Target,
  listed?: readonly string[],
): Promise<Located | undefined> {
  const folder = cache.snapshot(commit);
  const here = await cache.filesOf(commit);
  const readIndex = async (index: string) => filesOfIndex(await readFile(path.join(folder, index), 'utf8'));
  const selection = await selectFiles({ names: listed ?? here, readIndex }, target).catch(() => undefined);
  if (!selection || (!listed && selection.entry !== target.file)) return undefined;
  return suffices(selection, here, target) ? cache.located(commit, selection.entry) : undefined;
}

/** By which names the GGUF files of a commit can be had that are here, where the name that was given has no file. */
async function namesOfGgufs(
  cache: RepositoryCache,
  commit: string,
  { name, kind }: LocateRequest,
): Promise<string[]> {
  const { repository = '', file, revision } = parseModelName(name) ?? {};
  if (kind !== 'model' || file) return [];
  const at = revision ? `@${revision}` : '';
  return ggufFiles(await cache.filesOf(commit)).map((gguf) => `${repository}/${gguf}${at}`);
}
