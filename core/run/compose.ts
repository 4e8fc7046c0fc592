/**
 * The composition root: every part of a run is made here, in a container of the run's own. Nothing else resolves.
 */

import 'reflect-metadata';
import { container, Lifecycle } from 'tsyringe';
import { EvolveError } from '../base/errors.js';
import * as tokens from '../base/injection-keys.js';
import { RandomStreams } from '../base/random.js';
import type { RunConfig } from '../config/load.js';
import { ExampleReader } from '../data/examples.js';
import { RowMaker } from '../data/rows.js';
import { ModelAssembler } from '../model/assemble.js';
import { createHooks, type Hooks, viewFor } from '../plugins/hooks.js';
import type { AppliedPlugin } from '../plugins/load.js';
import type { TrainerView } from '../plugins/plugin.js';
import { RunFolder } from './folder.js';
import { Trainer } from './trainer.js';

/** The parts of a run that its commands use. */
export interface Run {
  readonly hooks: Hooks;
  readonly assembler: ModelAssembler;
  readonly trainer: Trainer;
}

/** Applies the plugins to fresh hooks, and makes the parts of the run around them. */
export function composeRun(
  config: RunConfig,
  plugins: readonly AppliedPlugin[],
  signal: AbortSignal = new AbortController().signal,
): Run {
  const hooks = createHooks();
  const random = new RandomStreams(config.train.seed);
  applyPlugins(config, plugins, hooks, random);

  const run = container.createChildContainer();
  run.register(tokens.RUN_CONFIG, { useValue: config });
  run.register(tokens.RESOLVED_CONFIG, { useValue: withOptions(config, plugins) });
  run.register(tokens.HOOKS, { useValue: hooks });
  run.register(tokens.RANDOM, { useValue: random });
  run.register(tokens.SIGNAL, { useValue: signal });
  const scoped = { lifecycle: Lifecycle.ContainerScoped };
  run.register(tokens.EXAMPLE_READER, { useClass: ExampleReader }, scoped);
  run.register(tokens.ROW_MAKER, { useClass: RowMaker }, scoped);
  run.register(tokens.MODEL_ASSEMBLER, { useClass: ModelAssembler }, scoped);
  run.register(tokens.RUN_FOLDER, { useClass: RunFolder }, scoped);
  run.register(tokens.TRAINER, { useClass: Trainer }, scoped);
  return {
    hooks,
    assembler: run.resolve<ModelAssembler>(tokens.MODEL_ASSEMBLER),
    trainer: run.resolve<Trainer>(tokens.TRAINER),
  };
}

/** Every plugin taps its hooks; afterwards they are closed, and those that a run cannot do without are counted. */
function applyPlugins(
  config: RunConfig,
  plugins: readonly AppliedPlugin[],
  hooks: Hooks,
  random: RandomStreams,
): void {
  let sealed = false;
  for (const { plugin, options } of plugins) {
    const trainer: TrainerView = Object.freeze({
      hooks: viewFor(hooks, plugin.name, () => sealed),
      config,
      random,
      notice: (message: string) => hooks.log.call({ type: 'notice', message }),
    });
    try {
      plugin.apply(trainer, options);
    } catch (cause) {
      if (cause instanceof EvolveError) throw cause;
      const message = `plugin "${plugin.name}" failed in apply(): ${cause instanceof Error ? cause.message : cause}`;
      throw new EvolveError('PLUGIN_INVALID', message, 'Run again with EVOLVE_DEBUG=1 for the stack trace.', {
        cause,
      });
    }
  }
  sealed = true;
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

/** The configuration with the plugins' options as their schemas completed them: what config.yaml keeps. */
function withOptions(config: RunConfig, plugins: readonly AppliedPlugin[]): RunConfig {
  const optionsOf = (family: string, name: unknown) =>
    plugins.find(({ plugin }) => plugin.family === family && plugin.name === name)?.options as
      | object
      | undefined;
  return {
    ...config,
    data: {
      ...config.data,
      template: { ...config.data.template, ...optionsOf('templates', config.data.template.name) },
    },
    quantizer: { ...config.quantizer, ...optionsOf('quantizers', config.quantizer.name) },
    adapter: { ...config.adapter, ...optionsOf('adapters', config.adapter.method) },
    device: { ...config.device, ...optionsOf('devices', config.device.name) },
  };
}
