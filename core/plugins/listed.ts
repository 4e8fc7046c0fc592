/** The plugins that `plugins:` lists, with their options there. */

import { EvolveError } from '../base/errors.js';
import type { ConfigSections } from '../config/load.js';
import type { Locate } from '../config/validate.js';
import { isChosen, type Plugin, SINGULAR } from './plugin.js';
import { naming } from './plugin-keys.js';
import { loadThirdParty } from './third-party.js';

/** A plugin's options, and their place in the configuration. */
export interface Given {
  readonly options: object;
  readonly at: readonly PropertyKey[];
}

/** The plugins that a configuration lists. Those that cannot be had, each for one of the errors, are not among them. */
export interface Listed {
  readonly plugins: ReadonlyMap<Plugin, Given>;
  readonly errors: readonly EvolveError[];
}

/** Finds what is listed: built-in plugins by their names, others by path or package. */
export async function listedPlugins(
  { plugins = [] }: Pick<ConfigSections, 'plugins'>,
  locate: Locate,
  folder: string,
  builtIn: readonly Plugin[],
): Promise<Listed> {
  const listed = new Map<Plugin, Given>();
  const errors: EvolveError[] = [];
  for (const [i, [name, options = {}]] of plugins.entries()) {
    const where = locate(['plugins', i]);
    const called = builtIn.filter((candidate) => candidate.name === name);
    const found = called.find((candidate) => !isChosen(candidate)) ?? called[0];
    try {
      const plugin = found ?? (await loadThirdParty(name, where, folder, builtIn));
      checkName(plugin, where, listed, builtIn);
      listed.set(plugin, { options, at: ['plugins', i, 1] });
    } catch (error) {
      if (!(error instanceof EvolveError)) throw error;
      errors.push(error);
    }
  }
  return { plugins: listed, errors };
}

/** Refuses a plugin that is listed twice, and a second one of one name in one family: only one of them could be meant. */
function checkName(
  plugin: Plugin,
  where: string,
  listed: ReadonlyMap<Plugin, Given>,
  builtIn: readonly Plugin[],
): void {
  const { name, family } = plugin;
  if (listed.has(plugin)) {
    const message = `${where}: the plugin "${name}" is listed twice`;
    throw new EvolveError('PLUGIN_INVALID', message, 'List it once.');
  }
  const others = [...listed.keys(), ...builtIn.filter((other) => other !== plugin)];
  if (!others.some((other) => other.name === name && other.family === family)) return;
  const what = family === undefined ? `plugin "${name}" of no family` : `${SINGULAR[family]} "${name}"`;
  const article = /^[aeiou]/.test(what) ? 'an' : 'a';
  throw new EvolveError(
    'PLUGIN_INVALID',
    `${where}: there is ${article} ${what} already`,
    'Give the plugin another name, or list it once.',
  );
}

/**
 * The options that stand where nobody reads them: those of a plugin that is taken, with its options, by another key.
 *
 * @param named the plugins that keys name, with their options there
 */
export function misplacedOptions(
  listed: ReadonlyMap<Plugin, Given>,
  named: ReadonlyMap<Plugin, Given>,
  locate: Locate,
): string[] {
  return [...listed].flatMap(([plugin, { options, at }]) => {
    if (Object.keys(options).length === 0 || !(isChosen(plugin) || named.has(plugin))) return [];
    const { name, family } = plugin;
    const what = family ? `${SINGULAR[family]} "${name}"` : `"${name}"`;
    const right = naming(family, name, { ...named.get(plugin)?.options, ...options });
    return [`${locate(at)}: options of the ${what} do not belong here; write ${right}`];
  });
}

/** Tells of a plugin that is listed and not used. */
export function unusedNotice({ name, family }: Plugin): string {
  const what = family ? `${SINGULAR[family]} "${name}"` : `"${name}"`;
  return `plugins: lists the ${what}, but no key names it, so it is not used; ${naming(family, name)} would use it`;
}
