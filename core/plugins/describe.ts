import { RandomStreams } from '../base/random.js';
import { makeConfig } from '../config/load.js';
import { Extensions } from './extensions.js';
import { createHooks, viewFor } from './hooks.js';
import type { AppliedPlugin } from './load.js';

export interface PluginDescription {
  readonly name: string;
  readonly family: string;
  readonly builtIn: boolean;
  /** The hooks it taps. */
  readonly taps: readonly string[];
}

/** What each plugin is and which hooks it taps, found by applying it to hooks that nobody calls. */
export function describePlugins(plugins: readonly AppliedPlugin[]): PluginDescription[] {
  const config = makeConfig({ model: { path: '.' }, data: { sources: ['none'] } });
  return plugins.map(({ plugin, options, builtIn }) => {
    const hooks = createHooks();
    plugin.apply(
      {
        hooks: viewFor(hooks, plugin.name, () => false),
        ...new Extensions().viewFor(plugin.name, () => false),
        config,
        random: new RandomStreams(0),
        notice: () => {},
      },
      options,
    );
    const taps = Object.entries(hooks).flatMap(([name, hook]) => (hook.isUsed() ? [name] : []));
    return { name: plugin.name, family: plugin.family ?? 'several', builtIn, taps };
  });
}
