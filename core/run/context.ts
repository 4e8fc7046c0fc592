import { EvolveError } from '../base/errors.js';
import { launchOf } from '../base/launch.js';
import type { LanguageModel } from '../contracts/backbone.js';
import type { HookContext } from '../contracts/context.js';
import type { Encoder } from '../contracts/encoder.js';
import type { Pass } from '../contracts/pass.js';
import type { Processes } from '../contracts/world.js';
import { makeAlone } from './run-world.js';

/** The context of a run's hooks. The parts of the run keep it up to date. */
export class RunContext implements HookContext {
  step = 0;
  epoch = 0;
  pass: Pass | undefined;
  training = false;
  /** Until the world is open, what MPI told this process. */
  world: Processes = { ...launchOf(), makeOnce: makeAlone };
  #model: LanguageModel | undefined;
  #encoder: Encoder | undefined;

  constructor(readonly signal: AbortSignal = new AbortController().signal) {}

  get model(): LanguageModel {
    return this.#model ?? tooEarly('model');
  }

  get encoder(): Encoder {
    return this.#encoder ?? tooEarly('encoder');
  }

  /** The variables that are trained; none before there is a model. */
  get trained(): LanguageModel['trainable'] {
    return this.#model?.trainable ?? new Map();
  }

  /** Model and encoder are there from now on. */
  assembled({ model, encoder }: { readonly model: LanguageModel; readonly encoder: Encoder }): void {
    this.#model = model;
    this.#encoder = encoder;
  }

  /** What plugins see: the same values, read-only. */
  view(): HookContext {
    const names = ['step', 'epoch', 'model', 'encoder', 'pass', 'training', 'signal', 'world'] as const;
    const getters = names.map((name) => [name, { get: () => this[name], enumerable: true }]);
    return Object.freeze(Object.defineProperties({}, Object.fromEntries(getters))) as HookContext;
  }
}

function tooEarly(what: string): never {
  const message = `context.${what} was asked for before the model was assembled`;
  throw new EvolveError('PLUGIN_FAILED', message, 'Ask for it in hooks that come after injectAdapters.');
}
