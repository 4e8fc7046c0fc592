import { RandomStreams } from '../../core/base/random.js';
import { makeAssembly, makeConfig } from '../../core/config/load.js';
import { Extensions } from '../../core/plugins/extensions.js';
import { createHooks, type Hooks } from '../../core/plugins/hooks.js';
import { viewFor } from '../../core/plugins/hooks-view.js';
import type { Plugin, TrainerView } from '../../core/plugins/plugin.js';
import { RunContext } from '../../core/run/context.js';

export interface AppliedAlone {
  readonly hooks: Hooks;
  readonly context: RunContext;
  /** What it asked of the run: reasons to stop, `save`, `evaluate`. */
  readonly asked: string[];
  /** What it told the person. */
  readonly notices: string[];
  /** What `apply` returned, which nobody takes. */
  readonly returned: unknown;
}

export interface ApplyOptions {
  readonly options?: object;
  /** `train` of the run's configuration. */
  readonly train?: object;
  /** Plugins that provide to it. */
  readonly beside?: readonly Plugin[];
}

/** Applies one plugin, and nothing else, to fresh hooks. */
export function applyAlone(
  plugin: Plugin,
  { options = {}, train, beside = [] }: ApplyOptions = {},
): AppliedAlone {
  const hooks = createHooks();
  const context = new RunContext();
  const asked: string[] = [];
  const notices: string[] = [];
  let applied = false;
  const run = { model: { path: '.' }, data: { sources: ['alpaca'] } };
  const extensions = new Extensions();
  const trainerOf = ({ name }: Plugin): TrainerView => ({
    hooks: viewFor(hooks, name, () => applied, context.view()),
    ...extensions.viewFor(name, () => applied),
    config: makeAssembly({ model: { path: '.' } }),
    run: train && makeConfig({ ...run, train }),
    random: new RandomStreams(0),
    notice: (message) => notices.push(message),
    stop: (reason) => asked.push(reason),
    requestSave: () => asked.push('save'),
    requestEvaluate: () => asked.push('evaluate'),
  });
  for (const other of beside) other.apply(trainerOf(other), {});
  const returned: unknown = plugin.apply(
    trainerOf(plugin),
    plugin.schema ? plugin.schema.parse(options) : options,
  );
  applied = true;
  return { hooks, context, asked, notices, returned };
}
