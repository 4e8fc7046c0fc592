/** The process of shared-cli.ts: runs the command line that a message gives, then tells its end on both outputs. */

import { pathToFileURL } from 'node:url';
import { enableThirdPartyImports } from '../../core/plugins/third-party-imports.js';
import { cliOf } from './cli.js';
import { ROOT } from './files.js';
import { END, type SharedCommand } from './shared-cli.js';

const LEFT = ['SIGINT', 'SIGTERM', 'SIGHUP', 'unhandledRejection'];

let count = 0;

async function serve({ args, cwd, env }: SharedCommand): Promise<void> {
  process.chdir(cwd);
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
  Object.assign(process.env, env);
  process.argv = [process.execPath, cliOf(), ...args];
  process.exitCode = undefined;
  const methods = { ...console };
  // The module is the program: with another query it runs once more.
  await import(`${pathToFileURL(cliOf()).href}?${++count}`);
  Object.assign(console, methods);
  // A command ends with its process, and leaves these to it.
  process.setUncaughtExceptionCaptureCallback(null);
  for (const event of LEFT) process.removeAllListeners(event);
  for (const stream of [process.stdout, process.stderr]) stream.removeAllListeners('error');
  // The test removes its folder.
  process.chdir(ROOT);
  process.stdout.write(`${END}${process.exitCode ?? 0}\n`);
  process.stderr.write(END);
}

// The compiler of TypeScript keeps the folder that it started in; those of the tests are removed.
process.chdir(ROOT);
await enableThirdPartyImports();

process.on('message', serve).on('disconnect', () => process.exit());
