/**
 * A third party's plugin: a file or folder by its path (./my-plugin.ts), or an npm package by its name. What it
 * exports is checked: its shape, and the API version that it was written for.
 */

import { existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { EvolveError, messageOf } from '../base/errors.js';
import { suggest } from '../base/suggest.js';
import { API_VERSION, FAMILIES, type Plugin } from './plugin.js';
import { enableThirdPartyImports } from './third-party-imports.js';

/** Imports the plugin `name`, an absolute path or a package; `where` is the place that named it. */
export async function loadThirdParty(
  name: string,
  where: string,
  builtIn: readonly Plugin[],
): Promise<Plugin> {
  await enableThirdPartyImports();
  const module = (await importPlugin(name).catch((cause: unknown) => {
    const advice = 'Run again with EVOLVE_DEBUG=1 for the stack trace.';
    const message = `${where}: the plugin ${name} cannot be loaded: ${messageOf(cause)}`;
    throw new EvolveError('PLUGIN_INVALID', message, advice, { cause });
  })) as { default?: unknown } | undefined;
  if (module) return checkShape(module.default, `${where}: ${name}`);
  const names = [...new Set(builtIn.map((plugin) => plugin.name))].sort();
  const message = `${where}: unknown plugin "${name}"${suggest(name, names)}`;
  const others = 'Others go by path (./my-plugin.ts) or by the name of an installed npm package.';
  throw new EvolveError('PLUGIN_UNKNOWN', message, `Built in are: ${names.join(', ')}. ${others}`);
}

/** The plugin's module; undefined where there is none. */
async function importPlugin(name: string): Promise<unknown> {
  if (path.isAbsolute(name)) {
    const file = entryOf(name);
    return file && import(pathToFileURL(file).href);
  }
  try {
    // resolve-self.ts looks the package up from the working folder, as the person would expect.
    return await import(`plugin:${name}`);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_MODULE_NOT_FOUND' && message.includes(`'${name}'`)) return undefined;
    throw error;
  }
}

/** The file itself, or the entry of a folder: what its package.json names, or index. */
function entryOf(file: string): string | undefined {
  if (!existsSync(file)) return undefined;
  if (statSync(file).isFile()) return file;
  if (existsSync(path.join(file, 'package.json'))) return createRequire(import.meta.url).resolve(file);
  return ['index.ts', 'index.js', 'index.mjs']
    .map((entry) => path.join(file, entry))
    .find((candidate) => existsSync(candidate));
}

function checkShape(plugin: unknown, where: string): Plugin {
  const fail = (message: string, advice: string): never => {
    throw new EvolveError('PLUGIN_INVALID', `${where}: ${message}`, advice);
  };
  if (typeof plugin !== 'object' || plugin === null) {
    return fail(
      'has no plugin as its default export',
      'Write `export default definePlugin({ name, apiVersion, apply })`.',
    );
  }
  const { name, apiVersion, family, apply } = plugin as Partial<Plugin>;
  if (typeof name !== 'string' || name === '') return fail('the plugin has no name', 'Add name: "…" to it.');
  if (apiVersion !== API_VERSION) {
    return fail(
      `the plugin was written for API version ${apiVersion}, and this is version ${API_VERSION}`,
      `Set apiVersion: ${API_VERSION} after reading README.md, "Write a plugin".`,
    );
  }
  if (family !== undefined && !(family in FAMILIES)) {
    return fail(`there is no family "${family}"`, `The families are: ${Object.keys(FAMILIES).join(', ')}.`);
  }
  if (typeof apply !== 'function')
    return fail('the plugin has no function apply', 'Add apply(trainer, options) { … }.');
  return plugin as Plugin;
}
