/**
 * A third party's plugin: a file or folder by its path (./my-plugin.ts), or an npm package by its name. What it
 * exports is checked: its shape, and the API version that it was written for.
 */

import { existsSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { EvolveError, joined, messageOf } from '../base/errors.js';
import { displayPath } from '../base/paths.js';
import { suggest } from '../base/suggest.js';
import { missingImport, versionFault } from './api-version.js';
import { show } from './checks.js';
import { unlessForever } from './forever.js';
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
    const message = `${what} cannot be loaded: ${messageOf(cause)}`;
    throw (
      (await missingImport(what, cause, textOf(name))) ??
      new EvolveError('PLUGIN_INVALID', message, remedy(cause), { cause })
    );
  })) as object | undefined;
  if (module) return checkShape(exportedBy(module), Object.keys(module), `${where}: ${name}`);
  throw unknownPlugin(name, where, folder, builtIn);
}

function unknownPlugin(name: string, where: string, folder: string, builtIn: readonly Plugin[]): EvolveError {
  const fault = (message: string, advice: string) =>
    new EvolveError('PLUGIN_UNKNOWN', `${where}: ${message}`, advice);
  if (path.isAbsolute(name)) {
    const file = displayPath(name);
    return existsSync(name)
      ? fault(
          `the folder ${file} is no plugin`,
          `Name a file in it, or give it a package.json or one of ${ENTRIES.join(', ')}.`,
        )
      : fault(
          `there is no file or folder ${file}`,
          'Check the path; in a configuration it counts from its folder.',
        );
  }
  const names = [...new Set(builtIn.map((plugin) => plugin.name))].sort();
  const file = existsSync(path.join(folder, name)) ? `./${name}` : './my-plugin.ts';
  const others = `Others go by path (${file}) or by the name of an installed npm package.`;
  return fault(
    `unknown plugin "${name}"${suggest(name, names)}`,
    `Built in are: ${names.join(', ')}. ${others}`,
  );
}

const ENTRIES = ['index.ts', 'index.js', 'index.mjs'];

/** The text of a plugin's file; empty where it is no path's, or cannot be read. */
function textOf(name: string): string {
  try {
    const file = path.isAbsolute(name) ? entryOf(name) : undefined;
    return file ? readFileSync(file, 'utf8') : '';
  } catch {
    return '';
  }
}

/** What to do about a plugin that Node.js cannot load. */
function remedy(cause: unknown): string {
  const { code, message = '' } = (cause ?? {}) as Partial<NodeJS.ErrnoException>;
  const missing =
    code === 'ERR_MODULE_NOT_FOUND' ? /Cannot find package '([^']+)'/.exec(message)?.[1] : undefined;
  if (missing !== undefined) return `Install what it imports, in the plugin's folder: npm install ${missing}`;
  if (code === 'ERR_MODULE_NOT_FOUND')
    return 'Check the path that it imports; it counts from the file that imports it.';
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION') return 'A plugin is a .ts, .mts, .js, .mjs or .cjs file.';
  return 'Run again with EVOLVE_DEBUG=1 for the stack trace.';
}

/** The plugin's module; undefined if there is none. */
async function importPlugin(name: string, folder: string): Promise<unknown> {
  if (path.isAbsolute(name)) {
    const file = entryOf(name);
    return file && unlessForever(import(pathToFileURL(file).href));
  }
  // The configuration's own packages come first. A run's config.yaml may lie where there are none.
  for (const start of new Set([folder, process.cwd()])) {
    try {
      return await unlessForever(import(lookedUpFrom(start, name)));
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
  return ENTRIES.map((entry) => path.join(file, entry)).find((candidate) => existsSync(candidate));
}

/** What is wrong with a plugin's shape is told all at once. */
function checkShape(plugin: unknown, exports: readonly string[], where: string): Plugin {
  if (typeof plugin !== 'object' || plugin === null) {
    const others = exports.filter((name) => name !== 'default');
    const instead =
      plugin === undefined
        ? `has no default export${others.length > 0 ? `, only ${others.join(', ')}` : ''}`
        : `exports by default ${show(plugin)}, and no plugin`;
    throw new EvolveError(
      'PLUGIN_INVALID',
      `${where}: ${instead}`,
      'Write `export default definePlugin({ name, apiVersion, apply })`.',
    );
  }
  const { name, apiVersion, family, schema, apply } = plugin as Partial<Plugin>;
  const errors: EvolveError[] = [];
  const check = (isRight: boolean, message: string, advice: string) => {
    if (!isRight) errors.push(new EvolveError('PLUGIN_INVALID', `${where}: ${message}`, advice));
  };
  check(typeof name === 'string' && name !== '', 'the plugin has no name', 'Add name: "…" to it.');
  const ofOtherVersion = versionFault(apiVersion, where);
  if (ofOtherVersion) errors.push(ofOtherVersion);
  check(
    family === undefined || family in FAMILIES,
    `there is no family "${family}"${suggest(String(family), Object.keys(FAMILIES))}`,
    `The families are: ${Object.keys(FAMILIES).join(', ')}.`,
  );
  check(
    typeof apply === 'function',
    'the plugin has no function apply',
    'Add apply(trainer, options) { … }.',
  );
  check(
    schema === undefined || typeof (schema as Partial<typeof schema> | null)?.safeParse === 'function',
    'the plugin’s schema is no zod schema',
    'Write schema: z.strictObject({ … }), with z of evolving-alpaca.',
  );
  if (errors.length > 0) throw joined(errors);
  return plugin as Plugin;
}
