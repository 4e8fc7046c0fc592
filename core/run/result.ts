/** How a run ended, as run.json tells it; folder.ts writes the file. */

import { EvolveError, messageOf } from '../base/errors.js';
import { tf } from '../base/tf.js';
import { packageVersion } from '../base/version.js';
import type { Device } from '../contracts/device.js';
import type { RunProgress } from '../contracts/state.js';
import type { RunResult } from '../contracts/tracker.js';
import type { Hooks } from '../plugins/hooks.js';

/** What a run knows about itself. */
export interface RunFacts {
  readonly output: string;
  readonly device: Device | null;
  /** As the configuration names it. */
  readonly requestedDevice: string;
  readonly parameters: RunResult['parameters'];
  readonly rows: RunResult['rows'];
  readonly savedStep: RunResult['savedStep'];
  readonly resumedFrom: RunResult['resumedFrom'];
  readonly plan: RunResult['plan'];
  /** By which the best evaluation is chosen. */
  readonly metric: string;
  readonly proof: RunResult['proof'];
}

/**
 * Of a run that ends now.
 *
 * @param end why it failed, or why a plugin stopped it; empty if it was completed
 */
export function resultOf(
  {
    output,
    device,
    requestedDevice,
    parameters,
    rows,
    savedStep,
    resumedFrom,
    plan,
    metric,
    proof,
  }: RunFacts,
  { step, metrics, best }: RunProgress,
  end: { readonly failure?: unknown; readonly stopReason?: string },
  seconds: number,
): RunResult {
  const { failure, stopReason } = end;
  const code = failure instanceof EvolveError ? failure.code : 'UNEXPECTED';
  const ended = stopReason === undefined ? 'completed' : 'stopped';
  const usage = device?.usage?.();
  const failed = code === 'INTERRUPTED' ? 'interrupted' : 'failed';
  return {
    status: failure === undefined ? ended : failed,
    output,
    steps: step,
    ...(resumedFrom !== undefined && { resumedFrom }),
    savedStep,
    ...(plan !== undefined && { plan }),
    device: device && {
      name: device.name,
      backend: device.backend,
      description: device.description,
      requested: requestedDevice,
    },
    parameters,
    rows,
    ...metrics,
    ...(best && { best: { step: best.step, metric, value: best.value } }),
    ...(proof && { proof }),
    startedAt: new Date(Date.now() - seconds * 1000).toISOString(),
    seconds: Math.round(seconds * 1000) / 1000,
    peakMemory: process.resourceUsage().maxRSS * 1024,
    ...(usage && { peakDeviceMemory: usage.peakMemory, fallbacks: usage.fallbacks }),
    versions: { evolve: packageVersion(), node: process.versions.node, tfjs: tf.version_core },
    ...(failure === undefined && stopReason !== undefined && { stopReason }),
    ...(failure !== undefined && { error: { code, message: messageOf(failure) } }),
  };
}

/** Calls every tap of `done`, whatever one of them throws. @throws the first error, when all were called */
export async function tellEnd(hooks: Pick<Hooks, 'done'>, result: RunResult): Promise<void> {
  const errors: unknown[] = [];
  for (const { fn } of hooks.done.taps) {
    try {
      await fn(result);
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}
