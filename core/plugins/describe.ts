import { RandomStreams } from '../base/random.js';
import { makeAssembly } from '../config/load.js';
import type { HookContext } from '../contracts/context.js';
import { Extensions } from './extensions.js';
import { createHooks } from './hooks.js';
import { viewFor } from './hooks-view.js';
import type { AppliedPlugin } from './load.js';

export interface PluginDescription {
  readonly name: string;
  readonly family: string;
  readonly builtIn: boolean;
  /** The hooks it taps. */
  readonly taps: readonly string[];
}

/** Says what each plugin is and which hooks it taps. To find out, it applies the plugin to hooks that nobody calls. */
export function describePlugins(plugins: readonly AppliedPlugin[]): PluginDescription[] {
  const config = makeAssembly({ model: { path: '.' } });
  return plugins.map(({ plugin, options, builtIn }) => {
    const hooks = createHooks();
    plugin.apply(
      {
        hooks: viewFor(hooks, plugin.name, () => false, {} as HookContext),
        ...new Extensions().viewFor(plugin.name, () => false),
        config,
        run: undefined,
        random: new RandomStreams(0),
        notice: () => {},
        stop: () => {},
        requestSave: () => {},
        requestEvaluate: () => {},
      },
      options,
    );
    const taps = Object.entries(hooks).flatMap(([name, hook]) => (hook.isUsed() ? [name] : []));
    return { name: plugin.name, family: plugin.family ?? 'several', builtIn, taps };
  });
}
