/** Says how Node finds what a third party's plugin imports. It is a hook of Node's module loader, in a thread of its own. */

import { readFile } from 'node:fs/promises';
import type { ResolveHook } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const SELF = 'evolving-alpaca';
const PLUGIN = 'plugin:';

export const resolve: ResolveHook = async (specifier, context, next) => {
  const resolved = await next(...lookUp(specifier, context));
  return (await isModule(resolved.url)) ? { ...resolved, format: 'module' } : resolved;
};

/** A statement of ES modules at the beginning of a line. */
const MODULE_SYNTAX =
  /^(import\s*['"{*]|import\s+\w|export\s+(default|const|let|function|class|async)\b|export\s*[{*])/m;

/**
 * Plugins are ES modules, whatever the nearest package.json says or leaves out: those in TypeScript always, others by their
 * syntax. Installed packages say what they are.
 */
async function isModule(url: string): Promise<boolean> {
  if (!url.startsWith('file:')) return false;
  const { pathname } = new URL(url);
  if (/\.tsx?$/.test(pathname)) return true;
  if (!/\.jsx?$/.test(pathname) || pathname.includes('/node_modules/')) return false;
  return MODULE_SYNTAX.test(await readFile(fileURLToPath(url), 'utf8'));
}

/** What to resolve, and from where. */
function lookUp(
  specifier: string,
  context: Parameters<ResolveHook>[1],
): Parameters<Parameters<ResolveHook>[2]> {
  if (specifier === SELF || specifier.startsWith(`${SELF}/`)) {
    // Seen from a file of this package, the package's own name resolves by the "exports" in package.json.
    return [specifier, { ...context, parentURL: import.meta.url }];
  }
  if (specifier.startsWith(PLUGIN)) {
    const [, folder, name] = specifier.split(/:([^:]*):/);
    const parent = path.resolve(decodeURIComponent(folder), 'package.json');
    return [name, { ...context, parentURL: pathToFileURL(parent).href }];
  }
  return [specifier, context];
}
