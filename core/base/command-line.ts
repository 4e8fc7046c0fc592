/** How a person types a command of evolve, from where it was started. */

import { existsSync } from 'node:fs';
import path from 'node:path';
import { displayPath } from './paths.js';

/** package.json's: a stranger's package on the npm registry has the name of the short one. */
const NAMES = ['evolve', 'evolving-alpaca'];

/** Whatever the way in which this process was started, the same way leads to another command. */
export function commandLine(
  args: readonly string[],
  script = process.argv[1] ?? '',
  env: Readonly<NodeJS.ProcessEnv> = process.env,
): string {
  return [...starter(script, env), ...args.map(quoted)].join(' ');
}

function starter(script: string, env: Readonly<NodeJS.ProcessEnv>): string[] {
  const name = path.basename(script);
  if (NAMES.includes(name)) {
    if (env.npm_command === 'exec') return ['npx', name];
    const onPath = (env.PATH ?? '')
      .split(path.delimiter)
      .some((folder) => existsSync(path.join(folder, name)));
    return [onPath ? name : quoted(displayPath(script))];
  }
  if (script.endsWith(path.join('core', 'cli.js'))) return ['node', quoted(displayPath(script))];
  // It runs within another program.
  return ['npx', 'evolving-alpaca'];
}

/** A word of a command line, as a shell takes it. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./…-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
