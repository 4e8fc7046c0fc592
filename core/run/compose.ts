/**
 * The composition root: makes every part of a run, in a container of the run's own. Nothing else uses the container.
 */

import 'reflect-metadata';
import { container, type DependencyContainer, Lifecycle } from 'tsyringe';
import { EvolveError } from '../base/errors.js';
import * as keys from '../base/injection-keys.js';
import { RandomStreams } from '../base/random.js';
import { suggest } from '../base/suggest.js';
import type { AssemblyConfig, RunConfig } from '../config/load.js';
import { BadRows } from '../data/bad-rows.js';
import { CorpusMaker } from '../data/corpus.js';
import { ExampleReader } from '../data/examples.js';
import { ModelAssembler } from '../model/assemble.js';
import { applyPlugin } from '../plugins/apply.js';
import { Extensions, type ExtensionsView } from '../plugins/extensions.js';
import { createHooks, type Hooks } from '../plugins/hooks.js';
import { viewFor } from '../plugins/hooks-view.js';
import { type AppliedPlugin, builtInNames } from '../plugins/load.js';
import type { TrainerView } from '../plugins/plugin.js';
import { withSlots } from '../plugins/plugin-keys.js';
import { RunCheckpoints } from './checkpoints/run-checkpoints.js';
import { RunContext } from './context.js';
import { Evaluator } from './evaluator.js';
import { RunFolder } from './folder.js';
import { Planner } from './planner.js';
import { Preparation } from './preparation.js';
import { RunRequests } from './requests.js';
import { RunSaves } from './saves.js';
import { Trainer } from './trainer.js';
import { Verifier } from './verifier.js';

/** What assembles a model. */
export interface Assembly {
  readonly hooks: Hooks;
  readonly context: RunContext;
  readonly assembler: ModelAssembler;
}

/** What a model is measured with: the part of a run's configuration that takes no training. */
export type EvaluationConfig = AssemblyConfig & Pick<RunConfig, 'data' | 'train' | 'metrics' | 'world'>;

/** The parts of a run. */
export interface Run extends Assembly {
  readonly trainer: Trainer;
  readonly preparation: Preparation;
  readonly verifier: Verifier;
}

/** Applies the plugins to fresh hooks, and makes what assembles a model around them. */
export function composeAssembly(
  config: AssemblyConfig,
  plugins: readonly AppliedPlugin[],
  signal?: AbortSignal,
): Assembly {
  return composeParts(config, undefined, plugins, signal).assembly;
}

/** The same for a run, with all that trains the model. */
export function composeRun(config: RunConfig, plugins: readonly AppliedPlugin[], signal?: AbortSignal): Run {
  const { parts, assembly } = composeParts(config, config, plugins, signal);
  registerRows(parts, config);
  parts.register(keys.RESOLVED_CONFIG, { useValue: withOptions(config, plugins) });
  parts.register(keys.RUN_FOLDER, { useClass: RunFolder }, scoped);
  parts.register(keys.RUN_CHECKPOINTS, { useClass: RunCheckpoints }, scoped);
  parts.register(keys.RUN_SAVES, { useClass: RunSaves }, scoped);
  parts.register(keys.PLANNER, { useClass: Planner }, scoped);
  parts.register(keys.TRAINER, { useClass: Trainer }, scoped);
  parts.register(keys.VERIFIER, { useClass: Verifier }, scoped);
  return {
    ...assembly,
    preparation: parts.resolve<Preparation>(keys.PREPARATION),
    trainer: parts.resolve<Trainer>(keys.TRAINER),
    verifier: parts.resolve<Verifier>(keys.VERIFIER),
  };
}

/** The same for a model that is measured on rows, and not trained. Without `adapter` it is the base model. */
export function composeEvaluation(
  config: EvaluationConfig,
  plugins: readonly AppliedPlugin[],
  signal?: AbortSignal,
): Assembly & { readonly evaluator: Evaluator } {
  const { parts, assembly } = composeParts(config, undefined, plugins, signal);
  registerRows(parts, config);
  parts.register(keys.EVALUATOR, { useClass: Evaluator }, scoped);
  return { ...assembly, evaluator: parts.resolve<Evaluator>(keys.EVALUATOR) };
}

const scoped = { lifecycle: Lifecycle.ContainerScoped };

/** What makes rows, and the model that takes them. */
function registerRows(parts: DependencyContainer, config: EvaluationConfig): void {
  parts.register(keys.RUN_CONFIG, { useValue: config });
  parts.register(keys.BAD_ROWS, { useClass: BadRows }, scoped);
  parts.register(keys.EXAMPLE_READER, { useClass: ExampleReader }, scoped);
  parts.register(keys.CORPUS_MAKER, { useClass: CorpusMaker }, scoped);
  parts.register(keys.PREPARATION, { useClass: Preparation }, scoped);
}

function composeParts(
  config: AssemblyConfig,
  run: RunConfig | undefined,
  plugins: readonly AppliedPlugin[],
  signal: AbortSignal | undefined,
) {
  const hooks = createHooks();
  const random = new RandomStreams(config.train.seed);
  const context = new RunContext(signal);
  const requests = new RunRequests();
  // What plugins say in apply() waits until those that tell people have tapped.
  const early: string[] = [];
  let notice = (message: string): void => {
    early.push(message);
  };
  applyPlugins(plugins, hooks, context, {
    config,
    run,
    random,
    notice: (message) => notice(message),
    stop: (reason) => requests.stop(reason),
    requestSave: (options) => requests.requestSave(options),
    requestEvaluate: () => requests.requestEvaluate(),
  });
  notice = (message) => hooks.log.call({ type: 'notice', message });
  for (const message of early) notice(message);
  const parts = container.createChildContainer();
  parts.register(keys.ASSEMBLY_CONFIG, { useValue: config });
  parts.register(keys.HOOKS, { useValue: hooks });
  parts.register(keys.RANDOM, { useValue: random });
  parts.register(keys.CONTEXT, { useValue: context });
  parts.register(keys.SIGNAL, { useValue: context.signal });
  parts.register(keys.REQUESTS, { useValue: requests });
  parts.register(keys.MODEL_ASSEMBLER, { useClass: ModelAssembler }, scoped);
  const assembler = parts.resolve<ModelAssembler>(keys.MODEL_ASSEMBLER);
  return { parts, assembly: { hooks, context, assembler } };
}

/** Has every plugin tap its hooks, then closes them, and checks that someone taps those that every run needs. */
function applyPlugins(
  plugins: readonly AppliedPlugin[],
  hooks: Hooks,
  context: RunContext,
  common: Omit<TrainerView, 'hooks' | keyof ExtensionsView>,
): void {
  const extensions = new Extensions();
  let sealed = false;
  const shown = context.view();
  for (const { plugin, options } of plugins) {
    const view = viewFor(
      hooks,
      plugin.name,
      () => sealed,
      shown,
      () => context.trained,
    );
    const trainer: TrainerView = Object.freeze({
      ...common,
      ...extensions.viewFor(plugin.name, () => sealed),
      hooks: view,
    });
    applyPlugin(plugin, trainer, options);
  }
  sealed = true;
  checkBefores(hooks, plugins);
  for (const hook of [
    hooks.openDevice,
    hooks.makeTemplate,
    hooks.loadEncoder,
    hooks.loadModel,
    hooks.loadData,
  ]) {
    if (hook.isUsed()) continue;
    throw new EvolveError(
      'PLUGIN_INVALID',
      `no plugin taps the hook "${hook.name}", without which nothing can run`,
    );
  }
}

/** Refuses taps that go before those of a plugin that there is not: a slip, or a plugin that has another name now. */
function checkBefores(hooks: Hooks, plugins: readonly AppliedPlugin[]): void {
  const known = [...plugins.map(({ plugin }) => plugin.name), ...builtInNames()];
  for (const { name: hook, taps } of Object.values(hooks)) {
    for (const { name, before } of taps) {
      if (typeof before !== 'string' || known.includes(before)) continue;
      const message = `plugin "${name}" taps the hook "${hook}" before "${before}", a plugin that there is not${suggest(before, known)}`;
      throw new EvolveError('PLUGIN_INVALID', message, '`evolve plugins` lists what there is.');
    }
  }
}

/** The configuration with the plugins' options as their schemas completed them. config.yaml keeps it. */
function withOptions(config: RunConfig, plugins: readonly AppliedPlugin[]): RunConfig {
  return withSlots(config, ({ family, key, value }) => {
    const found = plugins.find(({ plugin }) => plugin.family === family && plugin.name === value[key]);
    return { ...value, ...(found?.options as object | undefined) };
  });
}
