/** What plugins make for a run: its world, its objective, its optimizer, its schedule. */

import { EvolveError } from '../base/errors.js';
import type { RunConfig } from '../config/load.js';
import type { LanguageModel } from '../contracts/backbone.js';
import type { Objective } from '../contracts/objective.js';
import type { Optimizer } from '../contracts/optimizer.js';
import type { Schedule } from '../contracts/schedule.js';
import type { World } from '../contracts/world.js';
import type { Hooks } from '../plugins/hooks.js';

export async function openWorld(hooks: Hooks): Promise<World> {
  return (await hooks.openWorld.promise()) ?? unanswered('openWorld', 'world');
}

export async function makeObjective(hooks: Hooks, model: LanguageModel): Promise<Objective> {
  return (await hooks.makeObjective.promise(model)) ?? unanswered('makeObjective', 'train.objective');
}

export async function makeOptimizer(
  hooks: Hooks,
  { weightDecay }: RunConfig['train'],
  { trainable: variables }: LanguageModel,
): Promise<Optimizer> {
  const made = await hooks.makeOptimizer.promise({ variables, weightDecay });
  return made ?? unanswered('makeOptimizer', 'train.optimizer');
}

/** @param steps of the whole run */
export async function makeSchedule(
  hooks: Hooks,
  train: RunConfig['train'],
  steps: number,
): Promise<Schedule> {
  const { learningRate, minLearningRate } = train;
  const request = { steps, learningRate, minLearningRate, warmupSteps: warmupStepsOf(train, steps) };
  return (await hooks.makeSchedule.promise(request)) ?? unanswered('makeSchedule', 'train.scheduler');
}

/** That of the Alpaca-CoT project. */
const DEFAULT_WARMUP_STEPS = 100;

/**
 * The steps that the configuration says, or its share of the run's steps, rounded up as in transformers. If it says nothing,
 * a tenth of the run, and at most 100 steps: a short run must not end within its warm-up.
 */
export function warmupStepsOf({ warmupSteps, warmupRatio }: RunConfig['train'], steps: number): number {
  if (warmupSteps !== undefined) return warmupSteps;
  if (warmupRatio !== undefined) return Math.ceil(warmupRatio * steps);
  return Math.min(DEFAULT_WARMUP_STEPS, Math.floor(steps / 10));
}

function unanswered(hook: string, key: string): never {
  const message = `the plugin that ${key} names does not answer the hook "${hook}"`;
  throw new EvolveError('PLUGIN_INVALID', message, 'Name another one.', { at: key.split('.') });
}
