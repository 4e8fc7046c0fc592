/** The first half of every run: makes an encoder, loads a model, quantizes its weights, and injects adapters. */

import { createHash } from 'node:crypto';
import { inject, injectable } from 'tsyringe';
import { Breath } from '../base/breath.js';
import { EvolveError } from '../base/errors.js';
import { ASSEMBLY_CONFIG, HOOKS, RANDOM, SIGNAL } from '../base/injection-keys.js';
import { displayPath } from '../base/paths.js';
import type { RandomStreams } from '../base/random.js';
import type { AssemblyConfig } from '../config/load.js';
import type { LanguageModel } from '../contracts/backbone.js';
import type { CheckpointFiles } from '../contracts/checkpoint.js';
import type { Device } from '../contracts/device.js';
import type { Encoder } from '../contracts/encoder.js';
import type { Located } from '../contracts/hub.js';
import type { BackboneRequest, ModelFiles } from '../contracts/model-files.js';
import type { Template } from '../contracts/template.js';
import { DenseWeight } from '../ops/frozen-weight.js';
import type { Hooks } from '../plugins/hooks.js';
import { type OpenModel, openCheckpoint, openModel } from './files.js';
import { ModelLocator } from './locate.js';
import { openDevice } from './open-device.js';

/** What a run works with. */
export interface AssembledModel {
  readonly encoder: Encoder;
  /** Its frozen weights are quantized and on the device. It has the adapter's trainable parameters. */
  readonly model: LanguageModel;
  /** Frees the model, and what the device keeps of it. */
  dispose(): void;
}

@injectable()
export class ModelAssembler {
  readonly #locator: ModelLocator;
  #readModelFile: ModelFiles['readFile'] = async () => undefined;
  #device: Device | undefined;
  #encoder: Encoder | undefined;
  #encoderIdentity = '';

  constructor(
    @inject(ASSEMBLY_CONFIG) private readonly config: AssemblyConfig,
    @inject(HOOKS) private readonly hooks: Hooks,
    @inject(RANDOM) private readonly random: RandomStreams,
    @inject(SIGNAL) private readonly signal: AbortSignal,
  ) {
    this.#locator = new ModelLocator(hooks, signal);
  }

  /** A file of the model that was assembled, such as config.json; undefined if there is none. */
  get readModelFile(): ModelFiles['readFile'] {
    return this.#readModelFile;
  }

  /** What the encoder was made of: where that is the same, it makes the same tokens. */
  get encoderIdentity(): string {
    return this.#encoderIdentity;
  }

  /** Opens the device that is asked for. If it does not open, takes the next one and says why in one line. */
  async openDevice(): Promise<Device> {
    this.#device = await openDevice(this.hooks, this.config.device.name);
    return this.#device;
  }

  /** The encoder alone. It needs neither device nor weights. */
  async loadEncoder(): Promise<Encoder> {
    const { path } = await this.#locateModel(false);
    const files = openModel(this.hooks, path);
    try {
      this.#encoder = await this.#encoderOf(files);
      return this.#encoder;
    } finally {
      await files.close();
    }
  }

  /** The encoder, then the model: faults of the tokenizer are reported before weights are read. */
  async assemble(): Promise<AssembledModel> {
    const init = this.config.adapter?.init;
    // Both are located before either is opened: a wrong name shows at once, and no memory is held during downloads.
    const located = await this.#locateModel(this.config.model.init === 'checkpoint');
    if (typeof init === 'string') await this.#locateAdapter(init);
    const { encoder, model } = await this.#load(located.path);
    model.name = located.name;
    return { encoder, ...(await this.#prepared(model)) };
  }

  /** A name under which the files of `name`, a path or name of the configuration, can be found again. */
  pinned(name: string, kind: 'model' | 'adapter'): string {
    return this.#locator.pinned(name, kind);
  }

  #locateModel(weights: boolean): Promise<Located> {
    const { path } = this.config.model;
    return this.#locator.locate({ name: path, kind: 'model', weights, at: ['model', 'path'] });
  }

  #locateAdapter(name: string): Promise<Located> {
    return this.#locator.locate({ name, kind: 'adapter', weights: true, at: ['adapter', 'init'] });
  }

  async #load(path: string): Promise<{ encoder: Encoder; model: LanguageModel }> {
    const files = openModel(this.hooks, path);
    this.#readModelFile = files.readFile;
    try {
      const encoder = this.#encoder ?? (await this.#encoderOf(files));
      return { encoder, model: await this.#modelOf(files) };
    } finally {
      await files.close();
    }
  }

  async #encoderOf(files: OpenModel): Promise<Encoder> {
    const read = new Map<string, string>();
    const readFile: ModelFiles['readFile'] = async (name) => {
      const bytes = await files.readFile(name);
      read.set(name, bytes ? createHash('sha256').update(bytes).digest('hex') : '');
      return bytes;
    };
    const readJson: ModelFiles['readJson'] = async (name) => {
      await readFile(name);
      return files.readJson(name);
    };
    const template = await this.#makeTemplate();
    const { seed } = this.random;
    const encoder = await this.#ask({ ...files, readFile, readJson }, (request) =>
      this.hooks.loadEncoder.promise({ ...request, template, seed }),
    );
    const parts = [
      this.config.model.backbone,
      [...read].sort(),
      this.config.data.template,
      template.chatTemplate,
      seed,
    ];
    this.#encoderIdentity = createHash('sha256').update(JSON.stringify(parts)).digest('hex');
    return encoder;
  }

  #modelOf(files: OpenModel): Promise<LanguageModel> {
    const { random } = this;
    const { init } = this.config.model;
    const { openCheckpoint } = files;
    return this.#ask(files, (request) =>
      this.hooks.loadModel.promise({ ...request, init, random, openCheckpoint }),
    );
  }

  async #makeTemplate(): Promise<Template> {
    const { name } = this.config.data.template;
    const template = await this.hooks.makeTemplate.promise({ name });
    if (template) return template;
    const message = `the plugin "${name}" was asked for a template of that name, and made none`;
    throw new EvolveError('PLUGIN_INVALID', message, 'Have it tap the hook makeTemplate.', {
      at: ['data', 'template'],
    });
  }

  /** The answer of the backbone that knows the model. */
  async #ask<T>(
    { path, readFile, readJson }: OpenModel,
    ask: (request: BackboneRequest) => Promise<T | undefined>,
  ): Promise<T> {
    const { backbone } = this.config.model;
    const known = new Set<string>();
    const takes = (modelTypes: readonly string[]) => {
      for (const modelType of modelTypes) known.add(modelType);
    };
    const { signal } = this;
    const answer = await ask({ path, readFile, readJson, backbone, takes, signal });
    if (answer) return answer;
    const type = (await readJson('config.json'))?.model_type;
    const backbones = this.hooks.loadModel.taps.map((tap) => tap.name).join(', ');
    const asked = backbone === 'auto' ? 'no backbone knows' : `the backbone "${backbone}" does not know`;
    const what =
      type === undefined ? 'which has no config.json with a model_type' : `whose model_type is "${type}"`;
    const message = `${asked} ${displayPath(path)}, ${what}`;
    throw new EvolveError(
      'MODEL_UNKNOWN',
      message,
      `Known are the model types ${[...known].sort().join(', ')} (backbones ${backbones}). plugins/README.md, "A backbone", shows how a plugin adds one.`,
      { at: ['model', 'path'] },
    );
  }

  /** The model as a run needs it: quantized, with adapters, on the device. If that fails, it is freed. */
  async #prepared(loaded: LanguageModel): Promise<Omit<AssembledModel, 'encoder'>> {
    const breath = new Breath(this.signal);
    try {
      await breath.take();
      const quantized = await this.hooks.quantize.promise(loaded);
      // Weights that no quantizer took are decoded now, so that their faults do not show in the middle of a run.
      for (const { weight } of [...quantized.embeddings, ...quantized.linears]) {
        if (weight instanceof DenseWeight) void weight.bytes;
        if (breath.isDue) await breath.take();
      }
      const files: CheckpointFiles = {
        open: (location) => openCheckpoint(this.hooks, location),
        readModelFile: this.#readModelFile,
        locate: async (name) => (await this.#locateAdapter(name)).path,
      };
      const model = await this.hooks.injectAdapters.promise(quantized, files);
      await breath.take();
      const release = this.#device?.placeWeights?.(model);
      return {
        model,
        dispose: () => {
          release?.();
          model.dispose();
        },
      };
    } catch (error) {
      loaded.dispose();
      throw error;
    }
  }
}
