/** From a source to its examples: what lives on a hub is brought here first, then the plugin that knows the format reads it. */

import { EvolveError } from '../base/errors.js';
import type { DataSource, Example } from '../contracts/dataset.js';
import type { DownloadState } from '../contracts/hub.js';
import type { Hooks } from '../plugins/hooks.js';
import { unknownSource } from './sources.js';

/**
 * The examples of a source.
 *
 * @param signal aborted when the person interrupts
 * @throws EvolveError HUB_… or DOWNLOAD_FAILED if its files cannot be had, DATA_UNKNOWN if nobody knows its format
 */
export async function openSource(
  hooks: Hooks,
  source: DataSource,
  signal: AbortSignal,
): Promise<AsyncIterable<Example>> {
  const local = await localSource(hooks, source, signal);
  const stream = await hooks.loadData.promise(local);
  if (stream) return stream;
  throw unknownSource(
    source,
    hooks.loadData.taps.map(({ name }) => name),
  );
}

/**
 * The source with its files on this machine.
 *
 * @throws EvolveError HUB_… or DOWNLOAD_FAILED if they cannot be had
 */
export async function localSource(
  hooks: Hooks,
  source: DataSource,
  signal: AbortSignal,
): Promise<DataSource> {
  if (!source.hub) return source;
  const { hub: _, ...local } = { ...source, ...(await fetched(hooks, source, signal)) };
  return local;
}

/** An example that says where it comes from, and its language if that is known. */
export function withOrigin(example: Example, { name, language }: DataSource): Example {
  if (example.source !== undefined && (example.language !== undefined || language === undefined))
    return example;
  return {
    ...example,
    source: example.source ?? name,
    ...(language && { language: example.language ?? language }),
  };
}

/** The files of a source that lives on a hub. */
async function fetched(
  hooks: Hooks,
  { name, index, hub = { name } }: DataSource,
  signal: AbortSignal,
): Promise<Pick<DataSource, 'path' | 'files'>> {
  const at = ['data', 'sources', index];
  let last: DownloadState | undefined;
  let status: 'completed' | 'failed' = 'failed';
  try {
    const located = await hooks.locateData.promise({
      ...hub,
      at,
      signal,
      progress: (state) => {
        last = state;
        hooks.log.call({ type: 'download', status: 'running', ...state });
      },
    });
    status = 'completed';
    if (located) return located;
  } finally {
    if (last) hooks.log.call({ type: 'download', status, ...last });
  }
  const message = `no plugin knows a hub that has the data set ${hub.name}`;
  throw new EvolveError('DATA_UNKNOWN', message, 'A name on a hub is owner/name.', { at });
}
