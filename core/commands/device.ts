/** `evolve device`: which devices there are, and whether what they compute is right. */

import { EvolveError } from '../base/errors.js';
import { suggest } from '../base/suggest.js';
import { tf } from '../base/tf.js';
import { makeAssembly } from '../config/load.js';
import type { Device } from '../contracts/device.js';
import { askDevice } from '../model/open-device.js';
import type { Hooks } from '../plugins/hooks.js';
import { loadPlugins } from '../plugins/load.js';
import { composeAssembly } from '../run/compose.js';
import { CONFORMANCE_CASES, runCase } from './conformance.js';

interface DeviceOptions {
  readonly json?: true;
}

/** What `evolve device --json` writes of a device. */
interface DeviceLine extends Partial<Pick<Device, 'description' | 'details'>> {
  readonly type: 'device';
  readonly name: string;
  readonly usable: boolean;
  /** Whether `device: auto` takes it. */
  readonly auto: boolean;
  /** Why it cannot be used. */
  readonly reason?: string;
}

/** `evolve device`: lists the devices, with what there is of each or why it cannot be used. */
export async function deviceCommand({ json }: DeviceOptions): Promise<void> {
  const hooks = await deviceHooks();
  const taken = await askDevice(hooks, 'auto');
  for (const { name } of hooks.openDevice.taps) {
    const { device, declined } = name === taken.device?.name ? taken : await askDevice(hooks, name);
    const line: DeviceLine = {
      type: 'device',
      name,
      usable: device !== undefined,
      auto: name === taken.device?.name,
      ...(device
        ? { description: device.description, ...(device.details && { details: device.details }) }
        : { reason: reasonOf(name, declined) }),
    };
    process.stdout.write(json ? `${JSON.stringify(line)}\n` : shown(line));
  }
}

/** `evolve device check [NAME]`: holds what the device computes to the plain form of each op. */
export async function deviceCheckCommand(name: string | undefined, { json }: DeviceOptions): Promise<void> {
  const hooks = await deviceHooks();
  const device = await deviceNamed(hooks, name ?? 'auto');
  const write = (line: object, text: string) =>
    process.stdout.write(json ? `${JSON.stringify(line)}\n` : `${text}\n`);
  if (!json) process.stdout.write(`${device.name}: ${device.description}\n`);
  // The plain backend would advertise another.
  tf.enableProdMode();
  const failed: string[] = [];
  const width = Math.max(...CONFORMANCE_CASES.map(({ kernel }) => kernel.length));
  for (const each of CONFORMANCE_CASES) {
    const { kernel } = each;
    const { error, passed, fault } = await runCase(each, device.backend);
    if (!passed) failed.push(kernel);
    const verdict = passed ? 'pass' : 'FAIL';
    const figures = fault ?? `off by ${error.toExponential(1)}, of ${each.tolerance} allowed`;
    write(
      { type: 'check', kernel, passed, ...(fault ? { fault } : { error, tolerance: each.tolerance }) },
      `${verdict}  ${kernel.padEnd(width)}  ${figures}`,
    );
  }
  await tf.setBackend('cpu');
  const all = CONFORMANCE_CASES.length;
  if (failed.length > 0) {
    const message = `the device ${device.name} fails ${failed.length} of ${all} checks: ${failed.join(', ')}`;
    const advice = 'Train on another device (--device native), and please report this with the lines above.';
    throw new EvolveError('DEVICE_FAILED', message, advice);
  }
  write({ type: 'done', device: device.name, checks: all }, `all ${all} checks passed`);
}

/** The hooks of the built-in devices; asking these opens them. */
async function deviceHooks(): Promise<Hooks> {
  const config = makeAssembly({ model: { path: '.' } });
  const plugins = await loadPlugins(config, (keys) => keys.join('.'), { trackers: [] });
  return composeAssembly(config, plugins).hooks;
}

async function deviceNamed(hooks: Hooks, name: string): Promise<Device> {
  const names = hooks.openDevice.taps.map((tap) => tap.name);
  if (name !== 'auto' && !names.includes(name)) {
    const message = `there is no device "${name}"${suggest(name, names)}`;
    throw new EvolveError('DEVICE_UNKNOWN', message, '`evolve device` lists what there is.');
  }
  const { device, declined } = await askDevice(hooks, name);
  if (device) return device;
  const message = `the device ${name} cannot be used: ${reasonOf(name, declined)}`;
  throw new EvolveError('DEVICE_UNKNOWN', message, '`evolve device` lists those that can.');
}

function reasonOf(name: string, declined: readonly string[]): string {
  return declined.map((reason) => reason.replace(`${name}: `, '')).join('; ');
}

function shown({ name, auto, description, details = {}, reason }: DeviceLine): string {
  const what =
    reason === undefined ? `${description}${auto ? '  (auto takes it)' : ''}` : `cannot be used: ${reason}`;
  const further = Object.entries(details).map(([key, value]) => `  ${key}: ${value}\n`);
  return `${name}: ${what}\n${further.join('')}`;
}
