/**
 * Where a run is, in one object that can be kept and gone on from: the trainer's numbers, the optimizer's and the
 * schedule's state, and what plugins add in the hook `saveState`. Random choices need no state: each follows from the
 * seed and from what is chosen for (a step and micro-batch, an epoch).
 */

import type { Optimizer } from '../contracts/optimizer.js';
import type { Schedule } from '../contracts/schedule.js';
import type { PluginStates, RunProgress, RunState } from '../contracts/state.js';
import type { Hooks } from '../plugins/hooks.js';

interface Stateful {
  readonly optimizer: Optimizer;
  readonly schedule: Schedule;
}

/** The state as it is now. Its tensors are the optimizer's own: who keeps the state copies them. */
export async function saveState(
  progress: RunProgress,
  { optimizer, schedule }: Stateful,
  hooks: Hooks,
): Promise<RunState> {
  const plugins: PluginStates = new Map();
  await hooks.saveState.promise(plugins);
  return {
    progress: structuredClone(progress),
    optimizer: optimizer.state(),
    schedule: schedule.state?.(),
    plugins: Object.fromEntries(plugins),
  };
}

/** Brings optimizer, schedule and plugins to where they were; returns the trainer's numbers. */
export async function restoreState(
  { progress, optimizer: kept, schedule: rates, plugins }: RunState,
  { optimizer, schedule }: Stateful,
  hooks: Hooks,
): Promise<RunProgress> {
  optimizer.restore(kept);
  if (rates !== undefined) schedule.restore?.(rates);
  await hooks.restoreState.promise(new Map(Object.entries(plugins)));
  return structuredClone(progress);
}
