import type { Device } from '../../core/contracts/device.js';
import type { Plugin } from '../../core/plugins/plugin.js';
import { applyAlone } from './plugins.js';

/** What came of asking a device plugin. */
export interface Answer {
  readonly device: Device | undefined;
  /** Why it declined. */
  readonly declined: readonly string[];
  /** What it told the person; more is added while it computes. */
  readonly notices: readonly string[];
}

/** What a device plugin with these options answers when it is asked for `wanted`. */
export async function askDevice(plugin: Plugin, options: object, wanted: string): Promise<Answer> {
  const { hooks, notices } = applyAlone(plugin, { options });
  const declined: string[] = [];
  const device = await hooks.openDevice.promise({
    name: wanted,
    wants: (name) => name === wanted,
    decline: (_, reason) => declined.push(reason),
  });
  return { device, declined, notices };
}
