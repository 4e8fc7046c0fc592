/** The options in a configuration: checked, and completed by the adapter that a run starts from. */

import { EvolveError, parseModelName, z } from '../../../core/index.js';
import type { GivenLoraOptions, LoraOptions, TargetModules } from './options.js';
import { readAdapterConfig } from './peft-config.js';

const LIST = 'expected all-linear, or a list of names such as [q_proj, v_proj]';

/** What `adapter:` takes beside `method: lora`. With `init`, what is not said is as in that adapter. */
const given = z.strictObject({
  r: z.number().int().positive().optional(),
  alpha: z.number().positive().optional(),
  useRslora: z.boolean().optional(),
  dropout: z.number().min(0).lt(1).optional(),
  targetModules: z
    .union([z.literal('all-linear', { error: LIST }), z.array(z.string().min(1)).min(1)])
    .optional(),
  /** An adapter to start from: its folder, or its name on a hub. */
  init: z.string().min(1).optional(),
});

/** Those of the Alpaca-CoT project. */
const DEFAULTS: LoraOptions = { r: 8, alpha: 16, useRslora: false, dropout: 0.05 };

/** Completes the options, unless they start from an adapter that a hub has: what that says is known once it is here. */
export const loraSchema = given.transform((options, context): GivenLoraOptions => {
  if (options.init === undefined) return { ...DEFAULTS, ...options };
  if (parseModelName(options.init)) return options;
  const { completed, faults } = completeWith(options, options.init);
  for (const { key, message } of faults) {
    const input = key === 'init' ? undefined : options[key];
    context.addIssue({ code: 'custom', message, path: [key], input });
  }
  if (!completed) return z.NEVER;
  const { selection: _, targetModules, ...plain } = completed;
  // A pattern stays in the adapter's own file: the configuration takes none.
  return isPattern(targetModules) ? plain : { ...plain, targetModules };
}) as z.ZodType<GivenLoraOptions>;

function isPattern(targets: TargetModules | undefined): targets is string {
  return typeof targets === 'string' && targets !== 'all-linear';
}

/**
 * What was given, completed by what the adapter in `folder` was made with, or else by the defaults.
 *
 * @throws EvolveError if the adapter cannot be used, or what was given contradicts it
 */
export function completeOptions(options: GivenLoraOptions, folder: string | undefined): LoraOptions {
  if (folder === undefined) return { ...DEFAULTS, ...options };
  const { completed, faults } = completeWith(options, folder);
  if (completed) return completed;
  const [{ key, message }] = faults;
  throw new EvolveError('ADAPTER_INVALID', `adapter.${key}: ${message}`, '', { at: ['adapter', key] });
}

interface Fault {
  readonly key: keyof z.infer<typeof given>;
  readonly message: string;
}

function completeWith(
  options: GivenLoraOptions,
  folder: string,
): { completed?: LoraOptions; faults: Fault[] } {
  const start = readAdapterConfig(folder);
  if (typeof start === 'string') return { faults: [{ key: 'init', message: start }] };
  const faults = (['r', 'useRslora', 'targetModules'] as const).flatMap((key): Fault[] => {
    if (options[key] === undefined || sameSet(options[key], start[key])) return [];
    const has = JSON.stringify(start[key]);
    return [
      { key, message: `the adapter in ${options.init} has ${has}; leave ${key} out, or give the same` },
    ];
  });
  return faults.length > 0 ? { faults } : { completed: { ...start, ...options }, faults };
}

/** Targets are a set: PEFT writes them in no particular order. */
function sameSet(a: unknown, b: unknown): boolean {
  return [a].flat().sort().join() === [b].flat().sort().join();
}
