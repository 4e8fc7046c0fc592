import { RandomStreams } from '../../core/base/random.js';
import { makeConfig } from '../../core/config/load.js';
import type { Device } from '../../core/contracts/device.js';
import { Extensions } from '../../core/plugins/extensions.js';
import { createHooks, viewFor } from '../../core/plugins/hooks.js';
import type { Plugin } from '../../core/plugins/plugin.js';

/** What came of asking a device plugin. */
export interface Answer {
  readonly device: Device | undefined;
  /** Why it declined. */
  readonly declined: readonly string[];
}

/** What a device plugin with these options answers when it is asked for `wanted`. */
export async function askDevice(plugin: Plugin, options: unknown, wanted: string): Promise<Answer> {
  const hooks = createHooks();
  const trainer = {
    hooks: viewFor(hooks, plugin.name, () => false),
    ...new Extensions().viewFor(plugin.name, () => false),
    config: makeConfig({ model: { path: '.' }, data: { sources: ['none'] } }),
    random: new RandomStreams(0),
    notice: () => {},
  };
  plugin.apply(trainer, plugin.schema?.parse(options));
  const declined: string[] = [];
  const device = await hooks.openDevice.promise({
    name: wanted,
    wants: (name) => name === wanted,
    decline: (_, reason) => declined.push(reason),
  });
  return { device, declined };
}
