/** Says how Node finds what a third party's plugin imports. It is a hook of Node's module loader, in a thread of its own. */

import type { ResolveHook } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const SELF = 'evolving-alpaca';
const PLUGIN = 'plugin:';

export const resolve: ResolveHook = async (specifier, context, next) => {
  const resolved = await next(...lookUp(specifier, context));
  // A lone .ts file is an ES module, as plugins are, unless a package.json says otherwise.
  return resolved.url.endsWith('.ts') ? { ...resolved, format: 'module' } : resolved;
};

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
