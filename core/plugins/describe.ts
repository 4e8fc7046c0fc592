import { RandomStreams } from '../base/random.js';
import { makeAssembly, type RunConfig } from '../config/load.js';
import type { HookContext } from '../contracts/context.js';
import { applyPlugin } from './apply.js';
import { Extensions } from './extensions.js';
import { createHooks } from './hooks.js';
import { viewFor } from './hooks-view.js';
import type { AppliedPlugin } from './load.js';
import { FAMILIES, type Plugin } from './plugin.js';

export interface PluginDescription {
  readonly name: string;
  readonly family: string;
  readonly builtIn: boolean;
  /** False where a configuration lists it without naming it. */
  readonly used: boolean;
  /** The hooks it taps; none where it is not used. */
  readonly taps: readonly string[];
}

/**
 * Says what each plugin is and which hooks it taps. To find out, it applies the plugin to hooks that nobody calls.
 *
 * @param run the configuration that calls for them, if there is one
 */
export function describePlugins(plugins: readonly AppliedPlugin[], run?: RunConfig): PluginDescription[] {
  const config = run ?? makeAssembly({ model: { path: '.' } });
  return plugins.map(({ plugin, options, builtIn }) => {
    const hooks = createHooks();
    applyPlugin(
      plugin,
      {
        hooks: viewFor(hooks, plugin.name, () => false, {} as HookContext),
        ...new Extensions().viewFor(plugin.name, () => false),
        config,
        run,
        random: new RandomStreams(0),
        notice: () => {},
        stop: () => {},
        requestSave: () => {},
        requestEvaluate: () => {},
      },
      options,
    );
    const taps = Object.entries(hooks).flatMap(([name, hook]) => (hook.isUsed() ? [name] : []));
    return { name: plugin.name, family: familyOf(plugin), builtIn, used: true, taps };
  });
}

/** A plugin that is not used, and hence not applied. */
export function describeUnused(plugin: Plugin, builtIn: boolean): PluginDescription {
  return { name: plugin.name, family: familyOf(plugin), builtIn, used: false, taps: [] };
}

/** In the order of the families. */
export function inOrder(descriptions: readonly PluginDescription[]): PluginDescription[] {
  const families = [...Object.keys(FAMILIES), SEVERAL];
  return [...descriptions].sort((a, b) => families.indexOf(a.family) - families.indexOf(b.family));
}

const SEVERAL = 'several';

function familyOf({ family = SEVERAL }: { readonly family?: string | undefined }): string {
  return family;
}
