/**
 * Loads the plugins that a configuration calls for. A bare name is that of a built-in plugin, plugins/FAMILY/NAME. Others
 * are a third party's (third-party.ts). The options of each are checked against its schema before anything else happens.
 */

import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { EvolveError, joined } from '../base/errors.js';
import { suggest } from '../base/suggest.js';
import { type AssemblyConfig, type ConfigSections, inOrder } from '../config/load.js';
import { type Locate, validate } from '../config/validate.js';
import { type Given, listedPlugins, misplacedOptions } from './listed.js';
import { FAMILIES, type Family, isChosen, type Plugin, SINGULAR } from './plugin.js';
import { slotsOf } from './plugin-keys.js';

/** A plugin with its options, checked. */
export interface AppliedPlugin {
  readonly plugin: Plugin;
  readonly options: unknown;
  readonly builtIn: boolean;
}

/** The names of all built-in plugins, which are those of their folders. */
export function builtInNames(): string[] {
  return (Object.keys(FAMILIES) as Family[]).flatMap((family) =>
    readdirSync(path.join(PLUGINS_FOLDER, family)),
  );
}

const PLUGINS_FOLDER = fileURLToPath(new URL('../../plugins/', import.meta.url));

/** Every built-in plugin: the folders plugins/FAMILY/NAME. The folder kit has what the plugins of a family share. */
export async function builtInPlugins(): Promise<Plugin[]> {
  const files = (Object.keys(FAMILIES) as Family[]).flatMap((family) =>
    readdirSync(path.join(PLUGINS_FOLDER, family), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name !== 'kit')
      .map((entry) => path.join(PLUGINS_FOLDER, family, entry.name, 'index.js'))
      .filter((file) => existsSync(file)),
  );
  const modules = await Promise.all(files.map((file) => import(pathToFileURL(file).href)));
  return modules.map((module: { default: Plugin }) => module.default);
}

/** A configuration that names plugins: that of a run, that of a model alone, or the valid sections of one. */
export type PluginConfig = ConfigSections | AssemblyConfig;

/** Plugins that are taken besides those that a configuration names. */
export interface PluginSelection {
  /** Names, or names with options. */
  readonly trackers: readonly (string | readonly [string, object])[];
  /** The configuration's folder, from which packages are looked up; where it has none, the working folder. */
  readonly folder?: string | undefined;
}

/** The plugins that `config` calls for, with their options. One error names all faults. */
export async function loadPlugins(
  config: PluginConfig,
  locate: Locate,
  selection: PluginSelection,
): Promise<AppliedPlugin[]> {
  const { applied, errors } = await findPlugins(config, locate, selection);
  if (errors.length > 0) throw joined(errors);
  return applied;
}

/** The same, with an error for each fault. With errors, the plugins are not all that `config` calls for. */
export async function findPlugins(
  config: PluginConfig,
  locate: Locate,
  { trackers, folder = process.cwd() }: PluginSelection,
): Promise<{ applied: AppliedPlugin[]; errors: EvolveError[] }> {
  const builtIn = await builtInPlugins();
  const { plugins: listed, errors: unlisted } = await listedPlugins(config, locate, folder, builtIn);
  const errors = [...unlisted];
  const addFault = (fault: string) => errors.push(new EvolveError('PLUGIN_INVALID', fault, OF_OPTIONS));
  const known = [...listed.keys(), ...builtIn];
  const addUnknown = (at: readonly PropertyKey[], name: string, family: Family) => {
    const message = `${locate(at)}: ${unknownName(name, family, known, unlisted.length > 0)}`;
    errors.push(new EvolveError('PLUGIN_INVALID', message, OF_NAMES));
  };
  const named = new Map<Plugin, Given>();
  for (const { family, at, key, value } of slotsOf(config)) {
    const { [key]: name, ...options } = value;
    const plugin = known.find((candidate) => candidate.family === family && candidate.name === name);
    const place = [...at, key];
    if (!plugin) addUnknown(place, String(name), family);
    else if (!named.has(plugin)) named.set(plugin, { options, at });
    else addFault(`${locate(place)}: the ${SINGULAR[family]} "${plugin.name}" is named twice; name it once`);
  }
  for (const fault of misplacedOptions(listed, named, locate)) addFault(fault);
  const taken = new Map([...[...listed].filter(([plugin]) => !isChosen(plugin)), ...named]);
  if (config.device?.name === 'auto' && Object.keys(config.device).length > 1) {
    addFault(`${locate(['device'])}: device: "auto" takes no options; name the device that they are for`);
  }
  const { backbone = 'auto' } = config.model ?? {};
  const isBackbone = ({ name, family = 'backbones' }: Plugin) => family === 'backbones' && name === backbone;
  if (backbone !== 'auto' && !known.some(isBackbone))
    addUnknown(['model', 'backbone'], backbone, 'backbones');
  const listeners = new Map(
    trackers.map((tracker) => (typeof tracker === 'string' ? [tracker, {}] : tracker)),
  );
  for (const plugin of builtIn) {
    const isAsked = plugin.family && FAMILIES[plugin.family] === 'asked';
    const options = plugin.family === 'trackers' ? listeners.get(plugin.name) : isAsked ? {} : undefined;
    if (options && !taken.has(plugin)) taken.set(plugin, { options, at: [] });
  }

  // A tap of `evaluate` finds what `metrics` names, without a stage of its own.
  const isMetric = ([{ family }]: readonly [Plugin, Given]) => Number(family === 'metrics');
  const metricsFirst = [...taken].sort((a, b) => isMetric(b) - isMetric(a));
  const applied = metricsFirst.map(([plugin, { options, at }]): AppliedPlugin => {
    const { data, faults } = checkOptions(plugin, options, locate, at);
    const isBuiltIn = builtIn.includes(plugin);
    if (!isBuiltIn && faults.length === 0 && !isStrict(plugin, options))
      addFault(
        `${locate(at)}: the schema of the plugin "${plugin.name}" lets unknown keys pass; write z.strictObject`,
      );
    for (const fault of faults) addFault(fault);
    return { plugin, options: data, builtIn: isBuiltIn };
  });
  return { applied, errors: inOrder(errors, ({ message }) => message) };
}

const OF_OPTIONS = 'configs/README.md explains the options of each plugin.';
const OF_NAMES = '`evolve plugins` lists what there is.';

/** The plugins that `config` lists without using them: no key names them. */
export async function unusedPlugins(
  config: PluginConfig,
  locate: Locate,
  folder: string,
  applied: readonly AppliedPlugin[],
): Promise<readonly Plugin[]> {
  const listed = await listedPlugins(config, locate, folder, await builtInPlugins());
  return [...listed.plugins.keys()].filter((plugin) => !applied.some((entry) => entry.plugin === plugin));
}

/** Whether the schema, which takes these options, refuses a key that no schema can know. */
function isStrict({ schema }: Plugin, options: object): boolean {
  return !schema?.safeParse({ ...options, [`unknown ${Math.PI}`]: Symbol('unknown') }).success;
}

/** @param mayCome a plugin that cannot be loaded may have this name */
function unknownName(name: string, family: Family, known: readonly Plugin[], mayCome: boolean): string {
  const names = known.filter((plugin) => plugin.family === family).map((plugin) => plugin.name);
  const unless = mayCome ? ', unless a plugin that cannot be loaded brings it' : '';
  return `unknown ${SINGULAR[family]} "${name}"${suggest(name, names)}${unless}; there are: ${names.sort().join(', ')}`;
}

function checkOptions(plugin: Plugin, options: unknown, locate: Locate, prefix: readonly PropertyKey[]) {
  if (plugin.schema) return validate(plugin.schema, options, locate, prefix);
  const unknown = Object.keys(options as object);
  if (unknown.length === 0) return { data: options, faults: [] };
  const keys = unknown.map((key) => `"${[...prefix, key].join('.')}"`).join(', ');
  return {
    data: undefined,
    faults: [`${locate(prefix)}: unknown key ${keys}: the plugin "${plugin.name}" takes no options`],
  };
}
