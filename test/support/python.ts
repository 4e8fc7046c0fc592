import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { expect } from 'chai';
import { ROOT } from './files.js';

/**
 * What a script of test/ prints last, a line of JSON, or why it cannot be run on this machine. `EVOLVE_PYTHON` names a
 * Python that has what the script imports; it ends with status 3 where that is missing.
 */
export function askPython<T>(
  script: string,
  args: readonly string[],
  input: unknown,
): { answer: T } | { missing: string } {
  const python = process.env.EVOLVE_PYTHON ?? 'python3';
  const { error, status, stdout, stderr } = spawnSync(python, [path.join(ROOT, 'test', script), ...args], {
    input: JSON.stringify(input),
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (error && (error as NodeJS.ErrnoException).code === 'ENOENT')
    return { missing: `there is no ${python}` };
  if (status === 3) return { missing: `${python}: ${stderr.trim()}` };
  expect(status, stderr).to.equal(0);
  return { answer: JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as T };
}
