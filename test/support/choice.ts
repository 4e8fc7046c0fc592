/** One plugin as a configuration takes it: by the key of its family, or where its family has none under `plugins`. */

import { makeConfig } from '../../core/config/load.js';
import { loadPlugins } from '../../core/plugins/load.js';
import type { Family, Plugin } from '../../core/plugins/plugin.js';

/** What else a configuration says of a plugin. */
export interface Choice {
  readonly options?: object;
  /** The file of a third party's. */
  readonly plugins?: readonly string[];
}

/** The part of a configuration, in the form of `compose`, that takes the plugin `name`; one of several families has none. */
export function choose(
  family: Family | undefined,
  name: string,
  { options = {}, plugins = [] }: Choice = {},
): Record<string, unknown> {
  const named = { name, ...options };
  switch (family) {
    case 'templates':
      return { plugins, data: { sources: ['none'], template: named } };
    case 'quantizers':
      return { plugins, quantizer: named };
    case 'adapters':
      return { plugins, adapter: { method: name, ...options } };
    case 'objectives':
      return { plugins, train: { objective: named } };
    case 'optimizers':
      return { plugins, train: { optimizer: named } };
    case 'schedules':
      return { plugins, train: { scheduler: named } };
    case 'metrics':
      return { plugins, metrics: [named] };
    case 'trackers':
      return { plugins, trackers: [named] };
    case 'devices':
      return { plugins, device: named };
    case 'worlds':
      return { plugins, world: named };
    default:
      return { plugins: (plugins.length > 0 ? plugins : [name]).map((plugin) => [plugin, options]) };
  }
}

/** The plugin itself, found as a run finds it. */
export async function loadPlugin(
  family: Family | undefined,
  name: string,
  choice: Choice = {},
): Promise<Plugin> {
  const values = { model: { path: '.' }, data: { sources: ['none'] }, ...choose(family, name, choice) };
  const loaded = await loadPlugins(makeConfig(values), (keys) => keys.join('.'), { trackers: [] });
  const found = loaded.find(({ plugin }) => plugin.family === family && plugin.name === name);
  if (!found) throw new Error(`no plugin "${name}" of ${family ?? 'several families'} was loaded`);
  return found.plugin;
}
