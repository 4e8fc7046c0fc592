/** A command of evolve in a process of its own, which writes JSON lines. */

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { interruptionOf } from '../../base/breath.js';
import { EvolveError } from '../../base/errors.js';
import { printable } from '../../base/printable.js';

const CLI = fileURLToPath(new URL('../../cli.js', import.meta.url));
/** Of what a process said on standard error, so much is kept. */
const KEPT = 4000;

/** A line that a command wrote. */
export type JsonEvent = Readonly<Record<string, unknown>>;

/** What a process that failed said of it. */
export class CommandFailure extends Error {}

/**
 * Runs `evolve` with these arguments and `--json`. Returns what it wrote, but for its steps and its progress.
 *
 * @param tell hears of each line
 * @param signal when it aborts, the process is asked to end, and is waited for
 * @throws CommandFailure with what the process said, if it fails; what interrupted, if that ended it
 */
export async function runEvolve(
  args: readonly string[],
  signal: AbortSignal,
  tell: (event: JsonEvent) => void = () => {},
): Promise<JsonEvent[]> {
  if (signal.aborted) throw interruptionOf(signal);
  const child = spawn(process.execPath, [...process.execArgv, CLI, ...args, '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // A terminal's Ctrl-C reaches the process, too. Another one would end it at once; this signal does not.
  const end = () => child.kill('SIGTERM');
  signal.addEventListener('abort', end);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-KEPT);
  });
  const events: JsonEvent[] = [];
  const lines = createInterface({ input: child.stdout }).on('line', (line) => {
    const event = parsed(line);
    if (event === undefined) return;
    tell(event);
    if (event.type !== 'step' && event.type !== 'progress') events.push(event);
  });
  try {
    const closed = new Promise((resolve) => lines.once('close', resolve));
    const status = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject).once('exit', resolve);
    });
    await closed;
    if (status === 0) return events;
    if (signal.aborted) throw interruptionOf(signal);
    const error = events.find(({ type }) => type === 'error');
    // A signal that came to that process alone.
    if (error?.code === 'INTERRUPTED') throw new EvolveError('INTERRUPTED', 'interrupted');
    const how = status === null ? 'its process was killed' : `its process ended with status ${status}`;
    throw new CommandFailure(printable(String(error?.message ?? (said.trim() || how))));
  } finally {
    signal.removeEventListener('abort', end);
  }
}

function parsed(line: string): JsonEvent | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as JsonEvent) : undefined;
  } catch {
    // What a plugin prints is no JSON.
    return undefined;
  }
}
