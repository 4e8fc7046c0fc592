/** Whole processes, measured from outside: when they wrote which JSON line, how long they took, their peak memory. */

import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT } from '../support/files.js';
import { cpuSeconds, Others, peakMemory } from './machine.js';
import { PYTHON, PYTHON_ENV, script } from './python.js';

export interface TimedEvent {
  /** Seconds since the process was started. */
  readonly at: number;
  /** Seconds of the processor that it had taken until then. */
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

/** `evolve ARGS --json` as a person starts it. */
export function measureEvolve(args: readonly string[]): Promise<Measured> {
  return measure(process.execPath, [path.join(ROOT, '.build', 'core', 'cli.js'), ...args, '--json']);
}

/** python/train.py with these options. */
export function measurePeft(options: object): Promise<Measured> {
  return measure(PYTHON, [script('train.py'), JSON.stringify(options)], PYTHON_ENV);
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

async function measure(command: string, args: readonly string[], env = process.env): Promise<Measured> {
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
  const events: TimedEvent[] = [];
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr = (stderr + chunk).slice(-4000);
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.startsWith('{'))
      events.push({
        at: (performance.now() - startedAt) / 1000,
        cpu: cpuSeconds(child.pid ?? 0),
        event: JSON.parse(line),
      });
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  }).finally(() => clearInterval(watch));
  if (status !== 0) {
    const told = JSON.stringify(events.at(-1)?.event) ?? '';
    throw new Error(`${command} ${args.join(' ')} ended with status ${status}: ${told}\n${stderr}`);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  return { seconds, cpuSeconds: cpu, peakBytes, events, others: others.share() };
}
