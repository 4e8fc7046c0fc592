import { EvolveError } from '../base/errors.js';
import type { Device, DeviceRequest } from '../contracts/device.js';
import type { Hooks } from '../plugins/hooks.js';

/**
 * Opens the device that is asked for. If it does not open, takes the next one and says why in one line. In which order
 * `auto` asks, the devices say by the stages of their taps (plugins/devices/kit/).
 */
export async function openDevice(hooks: Hooks, name: string): Promise<Device> {
  const declined: string[] = [];
  const ask = (wanted: string) => {
    const request: DeviceRequest = {
      name: wanted,
      wants: (candidate) => wanted === 'auto' || wanted === candidate,
      decline: (candidate, reason) => declined.push(`${candidate}: ${reason}`),
    };
    return hooks.openDevice.promise(request);
  };
  const device = (await ask(name)) ?? (name === 'auto' ? undefined : await ask('auto'));
  const reasons = [...new Set(declined)];
  if (!device) {
    throw new EvolveError('DEVICE_UNKNOWN', `no device can be opened: ${reasons.join('; ')}`);
  }
  const why = reasons.length > 0 ? ` (not ${reasons.join('; not ')})` : '';
  hooks.log.call({ type: 'notice', message: `device ${device.name}: ${device.description}${why}` });
  return device;
}
