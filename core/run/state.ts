/**
 * The state of a run in one object, from which a run can go on: the trainer's counters, the states of optimizer and
 * schedule, and what plugins add in the hook `saveState`. Random choices need no state: each follows from the seed and from
 * its purpose (a step and micro-batch, an epoch).
 */

import type { PluginStates, RunState } from '../contracts/state.js';
import type { Training } from './training.js';

/** The state as it is now. Its tensors are the optimizer's own: copy them to keep them. */
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

/** Sets counters, optimizer, schedule and plugins of a training that has not begun to a saved state. */
export async function restoreState(
  state: RunState,
  { progress, optimizer, schedule, hooks }: Training,
): Promise<void> {
  Object.assign(progress, structuredClone(state.progress));
  optimizer.restore(state.optimizer);
  if (state.schedule !== undefined) schedule.restore?.(state.schedule);
  await hooks.restoreState.promise(new Map(Object.entries(state.plugins)));
}
