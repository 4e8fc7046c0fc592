import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from '../../../core/index.js';

/** What `adapter:` takes beside `method: lora`. With `init`, what is not said is as in that adapter. */
const given = z.strictObject({
  r: z.number().int().positive().optional(),
  alpha: z.number().positive().optional(),
  dropout: z.number().min(0).lt(1).optional(),
  targetModules: z.union([z.literal('all-linear'), z.array(z.string().min(1)).min(1)]).optional(),
  /** The folder of an adapter to start from. */
  init: z.string().min(1).optional(),
});

export type TargetModules = 'all-linear' | readonly string[];

export interface LoraOptions {
  readonly r: number;
  readonly alpha: number;
  readonly dropout: number;
  /** Ends of module names, as PEFT takes them, or every linear layer but the output; the backbone's where it is not said. */
  readonly targetModules?: TargetModules;
  readonly init?: string;
}

/** Those of the Alpaca-CoT project. */
const DEFAULTS: LoraOptions = { r: 8, alpha: 16, dropout: 0.05 };

/** What adapter_config.json says, of which this plugin makes use. */
const adapterConfig = z.looseObject({
  peft_type: z.literal('LORA'),
  r: z.number().int().positive(),
  lora_alpha: z.number().positive(),
  lora_dropout: z.number().min(0).lt(1).default(0),
  target_modules: z.union([z.literal('all-linear'), z.array(z.string())]),
  use_dora: z.literal(false).default(false),
  use_rslora: z.literal(false).default(false),
  bias: z.literal('none').default('none'),
  modules_to_save: z.union([z.null(), z.tuple([])]).optional(),
  rank_pattern: z.strictObject({}).default({}),
  alpha_pattern: z.strictObject({}).default({}),
});

export const loraSchema = given.transform((options, context): LoraOptions => {
  if (options.init === undefined) return { ...DEFAULTS, ...options };
  const start = readAdapterConfig(options.init);
  if (typeof start === 'string') {
    context.addIssue({ code: 'custom', message: start, path: ['init'] });
    return z.NEVER;
  }
  for (const key of ['r', 'targetModules'] as const) {
    if (options[key] === undefined || sameSet(options[key], start[key])) continue;
    const message = `the adapter in ${options.init} has ${JSON.stringify(start[key])}; leave ${key} out, or give the same`;
    context.addIssue({ code: 'custom', message, path: [key], input: options[key] });
  }
  return { ...start, ...options };
}) as z.ZodType<LoraOptions>;

/** Targets are a set: PEFT writes them in no particular order. */
function sameSet(a: unknown, b: unknown): boolean {
  return [a].flat().sort().join() === [b].flat().sort().join();
}

/** The options that an adapter was made with, or what is wrong with its folder. */
function readAdapterConfig(folder: string): Required<Omit<LoraOptions, 'init'>> | string {
  const file = path.join(folder, 'adapter_config.json');
  if (!existsSync(file)) return `there is no ${file}`;
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    return `${file} is no JSON: ${(error as Error).message}`;
  }
  const { data, error } = adapterConfig.safeParse(json);
  if (error) {
    const faults = error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    return `${file} describes an adapter that cannot be used here: ${faults.join('; ')}`;
  }
  return {
    r: data.r,
    alpha: data.lora_alpha,
    dropout: data.lora_dropout,
    targetModules: data.target_modules,
  };
}
