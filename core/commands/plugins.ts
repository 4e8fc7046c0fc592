import { loadConfig } from '../config/load.js';
import { describePlugins } from '../plugins/describe.js';
import { type AppliedPlugin, builtInPlugins, loadPlugins } from '../plugins/load.js';

/** `evolve plugins [CONFIG]`: lists the plugins, each with the hooks that it taps. */
export async function pluginsCommand(file: string | undefined, options: { json?: true }): Promise<void> {
  const builtIn = (await builtInPlugins()).map(
    (plugin): AppliedPlugin => ({ plugin, options: plugin.schema?.parse({}) ?? {}, builtIn: true }),
  );
  const descriptions = describePlugins([...builtIn, ...(file ? await thirdPartyOf(file) : [])]);
  if (options.json) {
    for (const description of descriptions) process.stdout.write(`${JSON.stringify(description)}\n`);
    return;
  }
  const width = Math.max(...descriptions.map(({ name }) => name.length));
  let family = '';
  for (const { name, family: own, builtIn, taps } of descriptions) {
    if (own !== family) process.stdout.write(`${own}\n`);
    family = own;
    const line = `  ${name.padEnd(width)}  ${taps.join(', ')}${builtIn ? '' : '  (third party)'}`;
    process.stdout.write(`${line.trimEnd()}\n`);
  }
}

async function thirdPartyOf(file: string): Promise<AppliedPlugin[]> {
  const { config, locate, folder } = await loadConfig(file);
  return (await loadPlugins(config, locate, { trackers: [], folder })).filter((entry) => !entry.builtIn);
}
