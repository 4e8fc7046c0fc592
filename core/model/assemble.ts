/** The first half of every run: a device is opened, a model loaded, its weights quantized, adapters injected. */

import { existsSync, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { inject, injectable } from 'tsyringe';
import { EvolveError, messageOf } from '../base/errors.js';
import { ASSEMBLY_CONFIG, HOOKS, RANDOM, SIGNAL } from '../base/injection-keys.js';
import { shown } from '../base/paths.js';
import type { RandomStreams } from '../base/random.js';
import type { AssemblyConfig } from '../config/load.js';
import { parseModelName } from '../config/model-name.js';
import type { LanguageModel, ModelRequest } from '../contracts/backbone.js';
import type { Checkpoint, CheckpointFiles } from '../contracts/checkpoint.js';
import type { Device, DeviceRequest } from '../contracts/device.js';
import type { DownloadState, Located, LocateRequest } from '../contracts/hub.js';
import { DenseWeight } from '../ops/frozen-weight.js';
import type { Hooks } from '../plugins/hooks.js';

@injectable()
export class ModelAssembler {
  /** Of the model that was loaded. */
  #readModelFile: ModelRequest['readFile'] = async () => undefined;
  /** By path or name, as the configuration has it. */
  /** By kind and name: one repository may hold a model and an adapter. */
  readonly #located = new Map<string, Located>();

  constructor(
    @inject(ASSEMBLY_CONFIG) private readonly config: AssemblyConfig,
    @inject(HOOKS) private readonly hooks: Hooks,
    @inject(RANDOM) private readonly random: RandomStreams,
    @inject(SIGNAL) private readonly signal: AbortSignal,
  ) {}

  /** A file of the model that was assembled, such as config.json; undefined where there is none. */
  get readModelFile(): ModelRequest['readFile'] {
    return this.#readModelFile;
  }

  /** The device that is asked for; where it cannot be had, the next one, and one line that says why. */
  async openDevice(): Promise<Device> {
    const { name } = this.config.device;
    const declined: string[] = [];
    const ask = (wanted: string) => {
      const request: DeviceRequest = {
        name: wanted,
        wants: (candidate) => wanted === 'auto' || wanted === candidate,
        decline: (candidate, reason) => declined.push(`${candidate}: ${reason}`),
      };
      return this.hooks.openDevice.promise(request);
    };
    const device = (await ask(name)) ?? (name === 'auto' ? undefined : await ask('auto'));
    const reasons = [...new Set(declined)];
    if (!device) {
      throw new EvolveError('DEVICE_UNKNOWN', `no device can be opened: ${reasons.join('; ')}`);
    }
    const why = reasons.length > 0 ? ` (not ${reasons.join('; not ')})` : '';
    this.hooks.log.call({ type: 'notice', message: `device ${device.name}: ${device.description}${why}` });
    return device;
  }

  /** The model, its frozen weights as the quantizer stores them, with the adapter's trainable parameters. */
  async assemble(): Promise<LanguageModel> {
    const { model: base, adapter } = this.config;
    // Both before either is opened: a wrong name is told at once, and no memory is held while files are on their way.
    const located = await this.#locate(base.path, 'model', ['model', 'path']);
    if (typeof adapter?.init === 'string') await this.#locateAdapter(adapter.init);
    const loaded = await this.#load(located.path);
    loaded.name = located.name;
    try {
      const model = await this.hooks.quantize.promise(loaded);
      // What no quantizer took is decoded now, so that nothing is found wrong with it in the midst of a run.
      for (const { weight } of [...model.embeddings, ...model.linears])
        if (weight instanceof DenseWeight) void weight.bytes;
      const files: CheckpointFiles = {
        open: (location) => this.#openCheckpoint(location),
        readModelFile: this.#readModelFile,
        locate: async (name) => (await this.#locateAdapter(name)).path,
      };
      return await this.hooks.injectAdapters.promise(model, files);
    } catch (error) {
      loaded.dispose();
      throw error;
    }
  }

  /** Under which name the files of `name`, a path or name of the configuration, can be had again. */
  pinned(name: string, kind: LocateRequest['kind']): string {
    return this.#located.get(`${kind} ${name}`)?.name ?? name;
  }

  #locateAdapter(name: string): Promise<Located> {
    return this.#locate(name, 'adapter', ['adapter', 'init']);
  }

  /** Where the files of a path or name are; a hub's are brought here first. */
  async #locate(name: string, kind: LocateRequest['kind'], at: readonly PropertyKey[]): Promise<Located> {
    const key = `${kind} ${name}`;
    const known = this.#located.get(key);
    if (known) return known;
    const located = parseModelName(name) ? await this.#askHubs(name, kind, at) : { path: name, name };
    this.#located.set(key, located);
    return located;
  }

  async #askHubs(name: string, kind: LocateRequest['kind'], at: readonly PropertyKey[]): Promise<Located> {
    let last: DownloadState | undefined;
    let status: 'completed' | 'failed' = 'failed';
    try {
      const located = await this.hooks.locateModel.promise({
        name,
        kind,
        weights: kind === 'adapter' || this.config.model.init === 'checkpoint',
        at,
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
    const message = `there is no file or folder ${name}, and no plugin knows a hub that has it`;
    throw new EvolveError('MODEL_UNKNOWN', message, 'Check the spelling.', { at });
  }

  async #load(location: string): Promise<LanguageModel> {
    const { backbone, init } = this.config.model;
    if (!existsSync(location)) {
      const message = `there is no file or folder ${shown(location)}`;
      const advice = 'Give a folder with config.json and weights, or owner/name of a model on the hub.';
      throw new EvolveError('MODEL_UNKNOWN', message, advice, { at: ['model', 'path'] });
    }
    const isFolder = statSync(location).isDirectory();
    const folder = isFolder ? location : path.dirname(location);
    let opened: Promise<Checkpoint | undefined> | undefined;
    const openIfKnown = () => {
      opened ??= this.hooks.openCheckpoint.promise(location);
      return opened;
    };
    const openCheckpoint = async () => (await openIfKnown()) ?? this.#noCheckpoint(location);
    // A folder with a config.json has all that a model needs; of others the checkpoint may tell it.
    const isWhole = isFolder && existsSync(path.join(folder, 'config.json'));
    const readModelFile = async (name: string) => {
      const checkpoint = isWhole ? undefined : await (isFolder ? openIfKnown() : openCheckpoint());
      // A file that holds such files holds all: what lies beside it may be of another model.
      const inside = checkpoint?.files;
      return inside ? inside.get(name) : readIfThere(path.join(folder, name));
    };
    this.#readModelFile = readModelFile;
    const known: string[] = [];
    const request: ModelRequest = {
      path: location,
      backbone,
      init,
      random: this.random,
      takes: (modelTypes) => known.push(...modelTypes),
      readFile: readModelFile,
      readJson: async (name) => {
        const bytes = await readModelFile(name);
        return bytes && parseJsonObject(bytes, path.join(folder, name));
      },
      openCheckpoint,
    };
    try {
      const model = await this.hooks.loadModel.promise(request);
      if (model) return model;
    } finally {
      await (await opened)?.close();
    }
    const type = (await request.readJson('config.json'))?.model_type;
    const backbones = this.hooks.loadModel.taps.map((tap) => tap.name).join(', ');
    const asked = backbone === 'auto' ? 'no backbone knows' : `the backbone "${backbone}" does not know`;
    const what =
      type === undefined ? 'which has no config.json with a model_type' : `whose model_type is "${type}"`;
    const message = `${asked} ${shown(location)}, ${what}`;
    throw new EvolveError(
      'MODEL_UNKNOWN',
      message,
      `Known are the model types ${known.sort().join(', ')} (backbones ${backbones}). plugins/README.md, "A backbone", shows how a plugin adds one.`,
      { at: ['model', 'path'] },
    );
  }

  async #openCheckpoint(location: string): Promise<Checkpoint> {
    return (await this.hooks.openCheckpoint.promise(location)) ?? this.#noCheckpoint(location);
  }

  #noCheckpoint(location: string): never {
    const known = this.hooks.openCheckpoint.taps.map((tap) => tap.name).join(', ');
    const message = `${shown(location)}: no weights in a known format are there`;
    throw new EvolveError('CHECKPOINT_INVALID', message, `Formats: ${known}.`);
  }
}

/** A JSON file, parsed; undefined where there is none. */
export async function readJsonFile(file: string): Promise<Record<string, unknown> | undefined> {
  const bytes = await readIfThere(file);
  return bytes && parseJsonObject(bytes, file);
}

/** The bytes of a file; undefined where there is none. */
async function readIfThere(file: string): Promise<Uint8Array | undefined> {
  try {
    // To read a pipe would wait for a writer.
    if (!(await stat(file)).isFile()) throw new Error('it is no file');
    return await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new EvolveError('MODEL_INVALID', `${shown(file)}: cannot be read: ${messageOf(error)}`);
  }
}

function parseJsonObject(bytes: Uint8Array, file: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
    throw new SyntaxError('expected an object');
  } catch (error) {
    throw new EvolveError(
      'MODEL_INVALID',
      `${shown(file)}: is no JSON object: ${messageOf(error)}`,
      'Get the file again.',
    );
  }
}
