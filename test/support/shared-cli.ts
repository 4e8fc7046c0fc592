/**
 * Runs command lines one after another in one process, which has loaded everything after the first: a start takes over half
 * a second. For tests of what commands do. What belongs to a process - its end, its signals, its memory, its start - is
 * tested on a process of its own (`cli.ts`, `processes.ts`).
 */

import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CliOptions, CliResult } from './cli.js';
import { ROOT } from './files.js';

/** What ends the output of a command; on standard output its exit status and a line's end follow. */
export const END = '\0end of the command\0';

/** A message to the process. */
export interface SharedCommand {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const SERVER = path.join(path.dirname(fileURLToPath(import.meta.url)), 'serve-cli.js');

let server: ChildProcess | undefined;
let last: Promise<unknown> = Promise.resolve();

/** As `evolve` of cli.ts, in the shared process. */
export function evolveShared(
  args: readonly string[],
  { cwd = ROOT, env }: Omit<CliOptions, 'root'> = {},
): Promise<CliResult> {
  const result = last.then(() => run({ args, cwd, env: { ...process.env, ...env } }));
  last = result.catch(() => {});
  return result;
}

function run(command: SharedCommand): Promise<CliResult> {
  if (!server?.connected) server = start();
  const child = server;
  const { stdout, stderr } = child;
  if (!stdout || !stderr) throw new Error('it has no pipes');
  return new Promise((resolve, reject) => {
    const texts = { stdout: '', stderr: '' };
    const finish = (result: CliResult) => {
      for (const stream of [stdout, stderr]) stream.removeAllListeners('data');
      child.removeAllListeners();
      resolve(result);
    };
    for (const [name, stream] of Object.entries({ stdout, stderr }))
      stream.on('data', (chunk: string) => {
        texts[name as keyof typeof texts] += chunk;
        const [out, status] = texts.stdout.split(END);
        const [err, atEnd] = texts.stderr.split(END);
        if (!status?.endsWith('\n') || atEnd === undefined) return;
        keep(child, false);
        finish({ status: Number(status), stdout: out as string, stderr: err as string });
      });
    child.on('error', reject);
    child.on('close', (status) => finish({ status, ...texts }));
    keep(child, true);
    child.send(command);
  });
}

function start(): ChildProcess {
  const child = fork(SERVER, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8');
  return child;
}

/** Whether it keeps the process of the tests from ending. */
function keep(child: ChildProcess, isUsed: boolean): void {
  for (const handle of [child, child.channel, child.stdout, child.stderr]) {
    const { ref, unref } = handle as unknown as { ref(): void; unref(): void };
    (isUsed ? ref : unref).call(handle);
  }
}
