import { homedir } from 'node:os';
import path from 'node:path';
import { resolvePath } from './paths.js';

/** Where this person's programs keep what can be made again: `EVOLVE_CACHE`, or `evolve` in the folder of such files. */
export function userCache(env: NodeJS.ProcessEnv = process.env): string {
  const { EVOLVE_CACHE: own, XDG_CACHE_HOME: shared } = env;
  return own ? resolvePath('', own) : path.join(shared || path.join(homedir(), '.cache'), 'evolve');
}
