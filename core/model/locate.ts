/** From a path or a name to files on this machine. */

import { EvolveError } from '../base/errors.js';
import { parseModelName } from '../config/model-name.js';
import type { DownloadState, Located, LocateRequest } from '../contracts/hub.js';
import type { Hooks } from '../plugins/hooks.js';

/** What to find. */
export type Sought = Pick<LocateRequest, 'name' | 'kind' | 'weights' | 'at'>;

/** Finds the files of models and adapters. Those of a hub are brought here first, once. */
export class ModelLocator {
  /** By kind and name: one repository may hold a model and an adapter. */
  readonly #found = new Map<string, { located: Located; weights: boolean }>();

  constructor(
    private readonly hooks: Hooks,
    private readonly signal: AbortSignal,
  ) {}

  /** @throws EvolveError MODEL_UNKNOWN if no hub has the name */
  async locate(sought: Sought): Promise<Located> {
    const { name, kind, weights } = sought;
    const key = `${kind} ${name}`;
    const found = this.#found.get(key);
    if (found && (found.weights || !weights)) return found.located;
    const located = parseModelName(name) ? await this.#askHubs(sought) : { path: name, name };
    this.#found.set(key, { located, weights });
    return located;
  }

  /** A name under which the files of `name` can be found again, once they were located. */
  pinned(name: string, kind: LocateRequest['kind']): string {
    return this.#found.get(`${kind} ${name}`)?.located.name ?? name;
  }

  async #askHubs(sought: Sought): Promise<Located> {
    let last: DownloadState | undefined;
    let status: 'completed' | 'failed' = 'failed';
    const message = `there is no folder ${sought.name} here; it is taken as the name of a ${sought.kind} on a hub`;
    // A path has no revision.
    if (!sought.name.includes('@')) this.hooks.log.call({ type: 'notice', message });
    try {
      const located = await this.hooks.locateModel.promise({
        ...sought,
        signal: this.signal,
        progress: (state) => {
          last = state;
          this.hooks.log.call({ type: 'download', status: 'running', ...state });
        },
      });
      status = 'completed';
      if (located) return located;
    } finally {
      if (last) this.hooks.log.call({ type: 'download', status, ...last });
    }
    const unknown = `there is no file or folder ${sought.name}, and no plugin knows a hub that has it`;
    throw new EvolveError('MODEL_UNKNOWN', unknown, 'Check the spelling.', { at: sought.at });
  }
}
