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
import { checkApiVersion, missingImport } from './api-version.js';
import { FAMILIES, type Plugin } from './plugin.js';
import { enableThirdPartyImports, lookedUpFrom } from './third-party-imports.js';

/**
 * Imports the plugin `name`, an absolute path or a package; `where` is the place that named it, and `folder` the one from
 * which packages are looked up.
 */
export async function loadThirdParty(
  name: string,
  where: string,
  folder: string,
  builtIn: readonly Plugin[],
): Promise<Plugin> {
  await enableThirdPartyImports();
  const module = (await importPlugin(name, folder).catch(async (cause: unknown) => {
    const what = `${where}: the plugin ${name}`;
    const advice = 'Run again with EVOLVE_DEBUG=1 for the stack trace.';
    const message = `${what} cannot be loaded: ${messageOf(cause)}`;
    throw (await missingImport(what, cause)) ?? new EvolveError('PLUGIN_INVALID', message, advice, { cause });
  })) as { default?: unknown } | undefined;
  if (module) return checkShape(exportedBy(module), `${where}: ${name}`);
  const names = [...new Set(builtIn.map((plugin) => plugin.name))].sort();
  const message = `${where}: unknown plugin "${name}"${suggest(name, names)}`;
  const others = 'Others go by path (./my-plugin.ts) or by the name of an installed npm package.';
  throw new EvolveError('PLUGIN_UNKNOWN', message, `Built in are: ${names.join(', ')}. ${others}`);
}

/** The plugin's module; undefined if there is none. */
async function importPlugin(name: string, folder: string): Promise<unknown> {
  if (path.isAbsolute(name)) {
    const file = entryOf(name);
    return file && import(pathToFileURL(file).href);
  }
  // The configuration's own packages come first. A run's config.yaml may lie where there are none.
  for (const start of new Set([folder, process.cwd()])) {
    try {
      return await import(lookedUpFrom(start, name));
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== 'ERR_MODULE_NOT_FOUND' || !message.includes(`'${name}'`)) throw error;
    }
  }
  return undefined;
}

/** The default export. Of a CommonJS module it is all that the module exports, `exports.default` being a part. */
function exportedBy({ default: exported }: { default?: unknown }): unknown {
  const inner = (exported as { default?: unknown } | null | undefined)?.default;
  return typeof exported === 'object' && inner !== undefined && !('apply' in (exported as object))
    ? inner
    : exported;
}

/** The file itself; or the entry of a folder, which its package.json names, or else index. */
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
  const { name, apiVersion, family, schema, apply } = plugin as Partial<Plugin>;
  if (typeof name !== 'string' || name === '') return fail('the plugin has no name', 'Add name: "…" to it.');
  checkApiVersion(apiVersion, where);
  if (family !== undefined && !(family in FAMILIES)) {
    return fail(`there is no family "${family}"`, `The families are: ${Object.keys(FAMILIES).join(', ')}.`);
  }
  if (typeof apply !== 'function')
    return fail('the plugin has no function apply', 'Add apply(trainer, options) { … }.');
  if (schema !== undefined && typeof (schema as Partial<typeof schema> | null)?.safeParse !== 'function')
    return fail(
      'the plugin’s schema is no zod schema',
      'Write schema: z.strictObject({ … }), with z of evolving-alpaca.',
    );
  return plugin as Plugin;
}
