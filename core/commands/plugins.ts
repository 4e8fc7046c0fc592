import { loadConfig } from '../config/load.js';
import { describePlugins, describeUnused, inOrder, type PluginDescription } from '../plugins/describe.js';
import { type AppliedPlugin, builtInPlugins, loadPlugins, unusedPlugins } from '../plugins/load.js';

/** `evolve plugins [CONFIG]`: lists the plugins, or those of a configuration, each with the hooks that it taps. */
export async function pluginsCommand(file: string | undefined, options: { json?: true }): Promise<void> {
  const descriptions = inOrder(file ? await pluginsOf(file) : await allBuiltIn());
  if (options.json) {
    for (const description of descriptions) process.stdout.write(`${JSON.stringify(description)}\n`);
    return;
  }
  const width = Math.max(...descriptions.map(({ name }) => name.length));
  let family = '';
  for (const { name, family: own, builtIn, used, taps } of descriptions) {
    if (own !== family) process.stdout.write(`${own}\n`);
    family = own;
    const notes = [...(builtIn ? [] : ['third party']), ...(used ? [] : ['not used'])].join(', ');
    const line = `  ${name.padEnd(width)}  ${taps.join(', ')}${notes && `  (${notes})`}`;
    process.stdout.write(`${line.trimEnd()}\n`);
  }
}

async function allBuiltIn(): Promise<PluginDescription[]> {
  const plugins = await builtInPlugins();
  return describePlugins(
    plugins.map(
      (plugin): AppliedPlugin => ({ plugin, options: plugin.schema?.parse({}) ?? {}, builtIn: true }),
    ),
  );
}

/** What a run of this configuration would use, and what the configuration lists besides. */
async function pluginsOf(file: string): Promise<PluginDescription[]> {
  const { config, locate, folder } = await loadConfig(file);
  const applied = await loadPlugins(config, locate, { trackers: ['metrics', 'progress'], folder });
  const unused = await unusedPlugins(config, locate, folder, applied);
  const builtIn = await builtInPlugins();
  return [
    ...describePlugins(applied, config),
    ...unused.map((plugin) => describeUnused(plugin, builtIn.includes(plugin))),
  ];
}
