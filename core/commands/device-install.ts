import { EvolveError } from '../base/errors.js';
import { printable } from '../base/printable.js';
import { suggest } from '../base/suggest.js';
import { builtInPlugins } from '../plugins/load.js';

interface InstallOptions {
  readonly python?: string;
  readonly from?: string;
}

/** `evolve device install NAME`: has a device make ready on this machine what the package does not bring. */
export async function deviceInstallCommand(name: string, options: InstallOptions): Promise<void> {
  const devices = (await builtInPlugins()).filter(({ family }) => family === 'devices');
  const device = devices.find((candidate) => candidate.name === name);
  const names = devices.filter(({ install }) => install).map((candidate) => candidate.name);
  if (!device?.install) {
    const what = device
      ? `the device ${name} needs nothing installed`
      : `there is no device "${name}"${suggest(name, names)}`;
    throw new EvolveError('DEVICE_UNKNOWN', what, `It can be asked of: ${names.join(', ')}.`);
  }
  const tell = (line: string) => process.stderr.write(`${printable(line)}\n`);
  const installed = await device.install({ ...options, tell });
  process.stdout.write(
    `${printable(`device ${name}: ${installed} is installed; --device ${name} takes it`)}\n`,
  );
}
