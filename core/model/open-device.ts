import { EvolveError } from '../base/errors.js';
import type { Device, DeviceRequest } from '../contracts/device.js';
import type { Hooks } from '../plugins/hooks.js';

/** What came of asking for a device: the device, or why those that were asked do not open, `name: reason`. */
export interface DeviceAnswer {
  readonly device: Device | undefined;
  readonly declined: readonly string[];
}

/** Asks for the device `name`, or for any with `auto`. In which order `auto` asks, the devices say by the stages of their taps. */
export async function askDevice(hooks: Hooks, name: string): Promise<DeviceAnswer> {
  const declined: string[] = [];
  const request: DeviceRequest = {
    name,
    wants: (candidate) => name === 'auto' || name === candidate,
    decline: (candidate, reason) => declined.push(`${candidate}: ${reason}`),
  };
  return { device: await hooks.openDevice.promise(request), declined };
}

const whys = new WeakMap<Device, string>();

/** What a device is, and why those that were asked before it did not open. */
export function describeChoice(device: Device): string {
  return `${device.description}${whys.get(device) ?? ''}`;
}

/** Opens the device that is asked for. If it does not open, takes the next one and says why in one line. */
export async function openDevice(hooks: Hooks, name: string): Promise<Device> {
  let { device, declined } = await askDevice(hooks, name);
  if (!device && name !== 'auto') {
    const others = await askDevice(hooks, 'auto');
    // Asked for by name, it has said why already, at greater length.
    const further = others.declined.filter((reason) => !reason.startsWith(`${name}: `));
    [device, declined] = [others.device, [...declined, ...further]];
  }
  const reasons = [...new Set(declined)];
  if (!device) {
    throw new EvolveError('DEVICE_UNKNOWN', `no device can be opened: ${reasons.join('; ')}`);
  }
  if (reasons.length > 0) whys.set(device, ` (not ${reasons.join('; not ')})`);
  hooks.log.call({ type: 'notice', message: `device ${device.name}: ${describeChoice(device)}` });
  return device;
}
