import { EvolveError } from '../base/errors.js';
import type { LanguageModel } from '../contracts/backbone.js';
import type { HookContext } from '../contracts/context.js';
import type { Pass } from '../contracts/pass.js';

/** The context of a run's hooks. The parts of the run keep it up to date. */
export class RunContext implements HookContext {
  step = 0;
  epoch = 0;
  pass: Pass | undefined;
  training = false;
  world = { rank: 0, size: 1 };
  #model: LanguageModel | undefined;

  constructor(readonly signal: AbortSignal = new AbortController().signal) {}

  get model(): LanguageModel {
    if (this.#model) return this.#model;
    const message = 'context.model was asked for before the model was assembled';
    throw new EvolveError('PLUGIN_FAILED', message, 'Ask for it in hooks that come after injectAdapters.');
  }

  set model(model: LanguageModel) {
    this.#model = model;
  }

  /** What plugins see: the same values, read-only. */
  view(): HookContext {
    const names = ['step', 'epoch', 'model', 'pass', 'training', 'signal', 'world'] as const;
    const getters = names.map((name) => [name, { get: () => this[name], enumerable: true }]);
    return Object.freeze(Object.defineProperties({}, Object.fromEntries(getters))) as HookContext;
  }
}
