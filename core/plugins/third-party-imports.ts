/**
 * Lets a third party's plugin be a single file anywhere. TypeScript is understood. `evolving-alpaca` means the core that
 * loads the plugin, whether or not the plugin's folder has it installed. A package is looked up from the folder that
 * `lookedUpFrom` names.
 */

import { register } from 'node:module';

let enabled = false;

/** Call before importing a plugin; further calls do nothing. */
export async function enableThirdPartyImports(): Promise<void> {
  if (enabled) return;
  enabled = true;
  const typescript = await import('tsx/esm/api');
  typescript.register();
  register('./package-resolution.js', import.meta.url);
}

/** What to import for the package `name`, as found from `folder`. */
export function lookedUpFrom(folder: string, name: string): string {
  return `plugin:${encodeURIComponent(folder)}:${name}`;
}
