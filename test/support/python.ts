import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { expect } from 'chai';
import { ROOT } from './files.js';
import { skip } from './skip.js';

const python = process.env.EVOLVE_PYTHON ?? 'python3';

/** Skips tests, with a line that says why, where Python or one of these packages is missing: of a hook before them. */
export function skipWithoutPython(hook: Mocha.Context, ...packages: string[]): void {
  const script = 'import sys, importlib.util as u; print(*(p for p in sys.argv[1:] if not u.find_spec(p)))';
  const { error, stdout } = spawnSync(python, ['-c', script, ...packages], { encoding: 'utf8' });
  const missing = error ? python : stdout.trim();
  if (missing === '') return;
  skip(hook, `there is no ${missing} (EVOLVE_PYTHON names a Python with ${packages.join(', ')})`);
}

/**
 * What a script of test/ prints last, a line of JSON, or why it cannot be run on this machine. `EVOLVE_PYTHON` names a
 * Python that has what the script imports; it ends with status 3 where that is missing.
 */
export function askPython<T>(
  script: string,
  args: readonly string[],
  input: unknown,
): { answer: T } | { missing: string } {
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
