/** A module-resolution hook of Node (it runs in a thread of its own): see module-hooks.ts. */

import type { ResolveHook } from 'node:module';

const SELF = 'evolving-alpaca';

export const resolve: ResolveHook = async (specifier, context, next) => {
  const isSelf = specifier === SELF || specifier.startsWith(`${SELF}/`);
  // From a file of this package its own name resolves by the "exports" in package.json.
  const resolved = await next(specifier, isSelf ? { ...context, parentURL: import.meta.url } : context);
  // A lone .ts file, without a package.json that says otherwise, is an ES module: plugins are.
  return resolved.url.endsWith('.ts') ? { ...resolved, format: 'module' } : resolved;
};
