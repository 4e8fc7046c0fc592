/** A hub, a cache and the variables that name them, for one test: make it, `serve` files, `locate` them, `end` it. */

import { readdirSync } from 'node:fs';
import path from 'node:path';
import type { DownloadState, LocateDataRequest, Located, LocateRequest } from '../../core/index.js';
import { compose } from './compose.js';
import { TemporaryFolder } from './files.js';
import { HubEnvironment } from './hub-environment.js';
import { HubServer } from './hub-server.js';

export const LARGE = Buffer.alloc(300_000, 'abcdefghijklmnopqrstuvwxyz');
export const MODEL = {
  'config.json': '{"model_type":"llama"}',
  'generation_config.json': '{}',
  'tokenizer.json': '{"model":{}}',
  'tokenizer_config.json': '{}',
  'tokenizer.model': 'pieces',
  'model.safetensors': LARGE,
};

export class HubCase {
  readonly folder = new TemporaryFolder();
  readonly environment = new HubEnvironment();
  readonly notices: string[] = [];
  readonly states: DownloadState[] = [];
  hub!: HubServer;

  /** Puts another hub in place of the one there is. */
  async serve(files: Record<string, string | Buffer>): Promise<void> {
    await this.hub?.stop();
    this.hub = await HubServer.start(undefined, files);
    this.environment.set({ HF_ENDPOINT: this.hub.endpoint, HF_HOME: this.folder.join('hf') });
  }

  /** Has the plugins of a run look for the hub's model. */
  async locate(request: Partial<LocateRequest> = {}): Promise<Located> {
    const { hooks } = await compose();
    hooks.log.tap('test', (event) => {
      if (event.type === 'notice') this.notices.push(event.message);
    });
    const located = await hooks.locateModel.promise({
      name: this.hub.repository,
      kind: 'model',
      weights: true,
      at: ['model', 'path'],
      signal: new AbortController().signal,
      progress: (state) => this.states.push(state),
      ...request,
    });
    if (!located) throw new Error('no hub answered');
    return located;
  }

  /** Puts a hub with a data set in place of the one there is. */
  async serveData(files: Record<string, string | Buffer>, card: object = {}): Promise<void> {
    await this.serve(files);
    Object.assign(this.hub, { kind: 'dataset', card });
  }

  /** Has the plugins of a run look for the hub's data set; answers with the paths of its files in the repository. */
  async locateData(request: Partial<LocateDataRequest> = {}): Promise<string[]> {
    const { hooks } = await compose();
    hooks.log.tap('test', (event) => {
      if (event.type === 'notice') this.notices.push(event.message);
    });
    const located = await hooks.locateData.promise({
      name: this.hub.repository,
      at: ['data', 'sources', 0],
      signal: new AbortController().signal,
      progress: (state) => this.states.push(state),
      ...request,
    });
    if (!located) throw new Error('no hub answered');
    return located.files.map((file) => path.relative(located.path, file));
  }

  cache(...names: string[]): string {
    return this.folder.join('hf', 'hub', `${this.hub.kind}s--people--model`, ...names);
  }

  snapshot(...names: string[]): string {
    return this.cache('snapshots', this.hub.commit, ...names);
  }

  blobs(): string[] {
    return readdirSync(this.cache('blobs')).sort();
  }

  async end(): Promise<void> {
    this.environment.restore();
    await this.hub.stop();
    this.folder.remove();
  }
}
