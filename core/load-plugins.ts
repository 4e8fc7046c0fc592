/**
 * From a configuration to the plugins that it calls for. A bare name is a built-in one, plugins/FAMILY/NAME; others
 * are a third party's (third-party.ts). The options of each are held against its schema before anything else happens.
 */

import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { RunConfig } from './config.js';
import { EvolveError } from './errors.js';
import { FAMILIES, type Family, type Plugin } from './plugin.js';
import { suggest } from './suggest.js';
import { loadThirdParty } from './third-party.js';
import { type Locate, validate } from './validate.js';

/** A plugin with its options, checked. */
export interface AppliedPlugin {
  readonly plugin: Plugin;
  readonly options: unknown;
  readonly builtIn: boolean;
}

const PLUGINS_FOLDER = fileURLToPath(new URL('../plugins/', import.meta.url));

/** Every built-in plugin: the folders plugins/FAMILY/NAME. */
export async function builtInPlugins(): Promise<Plugin[]> {
  const files = (Object.keys(FAMILIES) as Family[]).flatMap((family) =>
    readdirSync(path.join(PLUGINS_FOLDER, family), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => path.join(PLUGINS_FOLDER, family, entry.name, 'index.js')),
  );
  const modules = await Promise.all(files.map((file) => import(pathToFileURL(file).href)));
  return modules.map((module: { default: Plugin }) => module.default);
}

/** Which plugins a run takes beyond those that its configuration names. */
export interface PluginSelection {
  readonly trackers: readonly string[];
  /** Without adapter, as when a bare base model generates. */
  readonly adapter?: boolean;
}

/** The plugins that `config` calls for, with their options; all faults are named in one error. */
export async function loadPlugins(
  config: RunConfig,
  locate: Locate,
  { trackers, adapter = true }: PluginSelection,
): Promise<AppliedPlugin[]> {
  const builtIn = await builtInPlugins();
  const thirdParty: Plugin[] = [];
  const faults: string[] = [];
  const applied: AppliedPlugin[] = [];

  const take = (plugin: Plugin, options: unknown, prefix: readonly PropertyKey[]) => {
    const checked = checkOptions(plugin, options, locate, prefix);
    faults.push(...checked.faults);
    applied.push({ plugin, options: checked.data, builtIn: builtIn.includes(plugin) });
  };

  for (const [i, [name, options]] of config.plugins.entries()) {
    const plugin =
      builtIn.find((candidate) => candidate.name === name) ??
      (await loadThirdParty(name, locate(['plugins', i]), builtIn));
    if (!builtIn.includes(plugin)) thirdParty.push(plugin);
    take(plugin, options ?? {}, ['plugins', i, 1]);
  }

  const all = [...thirdParty, ...builtIn];
  const chooseFrom = (
    family: Family,
    slot: string,
    key: string,
    value: { readonly [key: string]: unknown },
  ) => {
    const { [key]: name, ...options } = value;
    const plugin = all.find((candidate) => candidate.family === family && candidate.name === name);
    if (!plugin) {
      faults.push(`${locate([slot, key])}: ${unknownName(`${slot}`, String(name), all, family)}`);
      return;
    }
    const given = applied.findIndex((entry) => entry.plugin === plugin);
    if (given >= 0) applied.splice(given, 1);
    take(plugin, options, [slot]);
  };
  chooseFrom('quantizers', 'quantizer', 'name', config.quantizer);
  if (adapter) chooseFrom('adapters', 'adapter', 'method', config.adapter);
  if (config.device.name === 'auto') {
    if (Object.keys(config.device).length > 1) {
      faults.push(
        `${locate(['device'])}: device: "auto" takes no options; name the device that they are for`,
      );
    }
  } else chooseFrom('devices', 'device', 'name', config.device);
  for (const name of trackers) chooseFrom('trackers', 'tracker', 'name', { name });
  if (config.model.backbone !== 'auto') {
    const known = all.some(
      (p) => p.name === config.model.backbone && (!p.family || p.family === 'backbones'),
    );
    if (!known) {
      faults.push(
        `${locate(['model', 'backbone'])}: ${unknownName('backbone', config.model.backbone, all, 'backbones')}`,
      );
    }
  }

  for (const plugin of builtIn) {
    const isAsked = plugin.family && FAMILIES[plugin.family] === 'asked';
    if (isAsked && !applied.some((entry) => entry.plugin === plugin)) take(plugin, {}, []);
  }
  if (faults.length > 0) {
    throw new EvolveError('PLUGIN_INVALID', faults.join('\n'), '`evolve plugins` lists what there is.');
  }
  return applied;
}

function unknownName(what: string, name: string, all: readonly Plugin[], family: Family): string {
  const known = all.filter((plugin) => plugin.family === family).map((plugin) => plugin.name);
  return `unknown ${what} "${name}"${suggest(name, known)}; there are: ${known.sort().join(', ')}`;
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
