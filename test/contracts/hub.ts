/**
 * What every hub must do:
 *
 *     describeHub('huggingface', { downloads: true, serve: async (files) => ({ name, end }) });
 */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { type DownloadState, EvolveError, type Located, type LocateRequest } from '../../core/index.js';
import { type Choice, loadPlugin } from '../support/choice.js';
import { expectError } from '../support/errors.js';
import { applyAlone } from '../support/plugins.js';

/** A hub that has one repository. */
export interface ServedHub {
  /** `owner/name` of the repository. */
  readonly name: string;
  readonly options?: object;
  end(): Promise<void> | void;
}

export interface HubFixture {
  readonly options?: object;
  /** The files are brought here first. */
  readonly downloads: boolean;
  /** Puts files into a repository of a hub of its own. */
  readonly serve: (files: Readonly<Record<string, string>>) => Promise<ServedHub>;
}

const MODEL = {
  'config.json': '{"model_type":"llama"}',
  'tokenizer.json': '{"model":{}}',
  'tokenizer_config.json': '{}',
  'model.safetensors': 'weights '.repeat(10_000),
};
const ADAPTER = { 'adapter_config.json': '{}', 'adapter_model.safetensors': 'weights' };

/** @param third the files of third parties' plugins */
export function describeHub(name: string, { downloads, serve }: HubFixture, third?: Choice): void {
  describe(`the hub ${name}`, () => {
    let hub: ServedHub;
    let states: DownloadState[];
    beforeEach(async () => {
      hub = await serve({ ...MODEL, ...ADAPTER });
      states = [];
    });
    afterEach(() => hub.end());

    const ask = async (request: Partial<LocateRequest> = {}): Promise<Located | undefined> => {
      const { options } = hub;
      const { hooks } = applyAlone(await loadPlugin('hubs', name, { ...third, options }), { options });
      return hooks.locateModel.promise({
        name: hub.name,
        kind: 'model',
        weights: true,
        at: ['model', 'path'],
        signal: new AbortController().signal,
        progress: (state) => states.push(state),
        ...request,
      });
    };
    const locate = async (request?: Partial<LocateRequest>): Promise<Located> => {
      const located = await ask(request);
      if (!located) throw new Error('it has not what it was given');
      return located;
    };
    const expectFiles = ({ path: folder }: Located, files: Readonly<Record<string, string>>) => {
      expect(path.isAbsolute(folder)).to.equal(true);
      for (const [file, content] of Object.entries(files))
        expect(readFileSync(path.join(folder, file), 'utf8') === content, file).to.equal(true);
    };

    it('has the files of a model in a folder, and the same again by the name that it tells', async () => {
      const located = await locate();
      expectFiles(located, MODEL);
      if (path.isAbsolute(located.name)) expect(located.name).to.equal(located.path);
      else expect(await locate({ name: located.name })).to.deep.equal(located);
      expect(await locate()).to.deep.equal(located);
    });

    it('has all but the weights where these are not needed, and the files of an adapter', async () => {
      const { 'model.safetensors': _, ...companions } = MODEL;
      expectFiles(await locate({ weights: false }), companions);
      expectFiles(await locate({ kind: 'adapter', at: ['adapter', 'init'] }), ADAPTER);
    });

    it('tells how far a download is, from nothing to all; of what is here it tells nothing', async () => {
      await locate();
      if (downloads) {
        const total = Object.values(MODEL).reduce((sum, { length }) => sum + length, 0);
        const [first, last] = [states[0], states.at(-1)];
        const { length: files } = Object.keys(MODEL);
        expect(first).to.deep.equal({ name: hub.name, files, bytes: 0, totalBytes: total });
        expect(last).to.deep.equal({ ...first, bytes: total });
        const bytes = states.map((state) => state.bytes);
        expect(bytes).to.deep.equal([...bytes].sort((a, b) => a - b));
      } else expect(states).to.deep.equal([]);
      states = [];
      await locate();
      expect(states).to.deep.equal([]);
    });

    it('ends where the run is interrupted while it downloads, and goes on when it is asked again', async () => {
      const interruption = new AbortController();
      const { signal } = interruption;
      const progress = () => interruption.abort();
      if (downloads) await expectError(() => locate({ signal, progress }), 'INTERRUPTED', hub.name);
      expectFiles(await locate(), MODEL);
    });

    it('leaves paths to others, and says of a name that it does not have that it does not, or leaves it', async () => {
      for (const location of ['/models/llama', './llama', 'llama'])
        expect(await ask({ name: location }), location).to.equal(undefined);
      const absent = 'people/nothing-of-that-name';
      const answer = await ask({ name: absent }).catch((error: unknown) => error);
      if (answer === undefined) return;
      expect(answer).to.be.instanceOf(EvolveError);
      const { code, message, at } = answer as EvolveError;
      expect(code).to.match(/^HUB_/);
      expect(message).to.include(absent);
      expect(at).to.deep.equal(['model', 'path']);
    });
  });
}
