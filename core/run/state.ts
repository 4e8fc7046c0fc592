/**
 * Where a run is, in one object that can be kept and gone on from: the trainer's numbers, the optimizer's and the
 * schedule's state, and what plugins add in the hook `saveState`. Random choices need no state: each follows from the
 * seed and from what is chosen for (a step and micro-batch, an epoch).
 */

import type { PluginStates, RunState } from '../contracts/state.js';
import type { Training } from './training.js';

/** The state as it is now. Its tensors are the optimizer's own: who keeps the state copies them. */
export async function saveState({ progress, optimizer, schedule, hooks }: Training): Promise<RunState> {
  const plugins: PluginStates = new Map();
  await hooks.saveState.promise(plugins);
  return {
    progress: structuredClone(progress),
    optimizer: optimizer.state(),
    schedule: schedule.state?.(),
    plugins: Object.fromEntries(plugins),
  };
}

/** Brings a training that has not begun to where the state was: its numbers, optimizer, schedule and plugins. */
export async function restoreState(
  state: RunState,
  { progress, optimizer, schedule, hooks }: Training,
): Promise<void> {
  Object.assign(progress, structuredClone(state.progress));
  optimizer.restore(state.optimizer);
  if (state.schedule !== undefined) schedule.restore?.(state.schedule);
  await hooks.restoreState.promise(new Map(Object.entries(state.plugins)));
}
