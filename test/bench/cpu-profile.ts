/** Where a command's main thread spends its time, as V8's sampling profiler has it (`node --cpu-prof`). */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from '../support/files.js';

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
    readonly children?: readonly number[];
  }[];
  /** The node of each sample. */
  readonly samples: readonly number[];
  /** Microseconds, of each sample. */
  readonly timeDeltas: readonly number[];
}

/** Percent of the time in which the main thread did something. */
export interface ScriptShare {
  readonly ofRun: number;
  readonly ofSteps: number;
}

const CLI = path.join(ROOT, '.build', 'core', 'cli.js');
/** What is called from here is the kernels. */
const ADDON = '/plugins/devices/native/addon.js';
const STEP = '/core/run/step.js';

/** Runs `evolve ARGS`; the share of all that is no kernel of the native device: JavaScript, V8 and garbage collection. */
export function measureScript(args: readonly string[], folder: string): ScriptShare {
  const place = mkdtempSync(path.join(folder, 'profile-'));
  try {
    const profiler = ['--cpu-prof', '--cpu-prof-interval', '500', '--cpu-prof-dir', place];
    const { status, stderr } = spawnSync(process.execPath, [...profiler, CLI, ...args], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`evolve ${args.join(' ')} ended with status ${status}: ${stderr}`);
    return scriptShare(JSON.parse(readFileSync(path.join(place, readdirSync(place)[0]), 'utf8')));
  } finally {
    rmSync(place, { recursive: true });
  }
}

/** @throws Error if the profile has no kernel of the native device */
export function scriptShare({ nodes, samples, timeDeltas }: Profile): ScriptShare {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const inStep = new Set<number>();
  const visit = (id: number, within: boolean): void => {
    const { callFrame, children = [] } = byId.get(id)!;
    const isStep = within || callFrame.url.endsWith(STEP);
    if (isStep) inStep.add(id);
    for (const child of children) visit(child, isStep);
  };
  visit(nodes[0].id, false);

  const run = { all: 0, kernels: 0 };
  const steps = { all: 0, kernels: 0 };
  for (const [i, id] of samples.entries()) {
    const { functionName, url } = byId.get(id)!.callFrame;
    if (functionName === '(idle)') continue;
    for (const sum of inStep.has(id) ? [run, steps] : [run]) {
      sum.all += timeDeltas[i];
      if (url.endsWith(ADDON)) sum.kernels += timeDeltas[i];
    }
  }
  if (steps.kernels === 0) throw new Error('no step of the run calls a kernel of the device native');
  const share = ({ all, kernels }: typeof run) => 100 * (1 - kernels / all);
  return { ofRun: share(run), ofSteps: share(steps) };
}
