/** Whole processes, measured from outside: when they wrote which JSON line, how long they took, their peak memory. */

import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT } from '../support/files.js';
import { cpuSeconds, Others, peakMemory } from './machine.js';
import { PYTHON, PYTHON_ENV, script, Watch } from './python.js';

export interface TimedEvent {
  /** Seconds since the process was started. */
  readonly at: number;
  /** The CPU time that it had taken by then, in seconds. */
  readonly cpu: number | null;
  readonly event: Record<string, unknown> & { type: string };
}

export interface Measured {
  readonly seconds: number;
  readonly cpuSeconds: number | null;
  readonly peakBytes: number | null;
  readonly events: readonly TimedEvent[];
  readonly others: number | null;
}

type Say = (line: string) => void;

/** `evolve ARGS --json` as a person starts it. */
export function measureEvolve(
  args: readonly string[],
  say: Say,
  env: Readonly<Record<string, string>> = {},
): Promise<Measured> {
  const all = [path.join(ROOT, '.build', 'core', 'cli.js'), ...args, '--json'];
  const what = `evolve ${args[0]} ${path.basename(args[1])}`;
  return measure(what, process.execPath, all, { ...process.env, ...env }, say);
}

/** python/train.py with these options. */
export function measurePeft(options: object, say: Say): Promise<Measured> {
  return measurePython('PEFT', 'train.py', options, say);
}

/** A script of python/ with these options. */
export function measurePython(what: string, name: string, options: object, say: Say): Promise<Measured> {
  return measure(what, PYTHON, [script(name), JSON.stringify(options)], PYTHON_ENV, say);
}

/** The first event of a type; throws where there is none. */
export function eventOf(measured: Measured, type: string): TimedEvent {
  const found = measured.events.find(({ event }) => event.type === type);
  if (!found) throw new Error(`the process told of no "${type}"`);
  return found;
}

/** What the optimizer steps told, in order. */
export function stepsOf(measured: Measured): readonly TimedEvent[] {
  return measured.events.filter(({ event }) => event.type === 'step');
}

async function measure(
  what: string,
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  say: Say,
): Promise<Measured> {
  say(`… ${what}`);
  const others = new Others();
  const startedAt = performance.now();
  const child = spawn(command, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let peakBytes: number | null = null;
  let cpu: number | null = null;
  // The system keeps the high-water mark and the sum; only what a process takes in its last moments can be missed.
  const watch = setInterval(() => {
    cpu = cpuSeconds(child.pid ?? 0) ?? cpu;
    peakBytes = peakMemory(child.pid ?? 0) ?? peakBytes;
  }, 20);
  const silence = new Watch(what, child, say);
  const events: TimedEvent[] = [];
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr = (stderr + chunk).slice(-4000);
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!line.startsWith('{')) return;
    const at = (performance.now() - startedAt) / 1000;
    const event = JSON.parse(line) as TimedEvent['event'];
    events.push({ at, cpu: cpuSeconds(child.pid ?? 0), event });
    silence.heard();
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  const status = await ended.finally(() => clearInterval(watch));
  silence.stop();
  if (status !== 0) {
    const told = JSON.stringify(events.at(-1)?.event) ?? '';
    throw new Error(`${command} ${args.join(' ')} ended with status ${status}: ${told}\n${stderr}`);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  return { seconds, cpuSeconds: cpu, peakBytes, events, others: others.share() };
}
