/** The arguments of `evolve device`. What its commands do is loaded when one is given. */

import type { Command } from 'commander';

/** Adds `evolve device` to the command line. */
export function addDeviceCommands(program: Command): void {
  const device = program
    .command('device')
    .description('list the devices: what there is of each, or why it cannot be used')
    .option('--json', 'write JSON lines to standard output')
    .addHelpText('after', '\nExamples:\n  evolve device\n  evolve device check cuda')
    .action(async (options) => (await import('./device.js')).deviceCommand(options));

  device
    .command('check')
    .description('hold what a device computes to the plain form of each op')
    .argument('[name]', 'the device (default: the one that auto takes)')
    .option('--json', 'write JSON lines to standard output')
    .action(async (name, _, command: Command) =>
      (await import('./device.js')).deviceCheckCommand(name, command.optsWithGlobals()),
    );

  device
    .command('install')
    .description('make ready on this machine what a device needs and evolve does not bring')
    .argument('<name>', 'the device: tensorflow')
    .option('--python <path>', 'the Python that has its library (default: that of EVOLVE_PYTHON, or python3)')
    .option('--from <dir>', 'the folder of its library, where it is not of a Python')
    .addHelpText('after', '\nExamples:\n  evolve device install tensorflow --python venv/bin/python')
    .action(async (name, options) =>
      (await import('./device-install.js')).deviceInstallCommand(name, options),
    );
}
