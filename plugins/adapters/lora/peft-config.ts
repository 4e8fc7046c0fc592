/** What adapter_config.json, PEFT's description of an adapter, says of a LoRA adapter that can be used here. */

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { displayPath, z } from '../../../core/index.js';
import type { LoraOptions, TargetModules } from './options.js';
import { selectionOf } from './selection.js';

/** A pattern, or a list of names. */
const names = z.union([z.string(), z.array(z.string())]);
const number = z.number().int();

const schema = z.looseObject({
  peft_type: z.literal('LORA', { error: 'only LORA is known here' }),
  r: z.number().int().positive(),
  lora_alpha: z.number().positive(),
  lora_dropout: z.number().min(0).lt(1).default(0),
  target_modules: names,
  use_rslora: z.boolean().nullish(),
  exclude_modules: names.nullish(),
  layers_to_transform: z.union([number, z.array(number)]).nullish(),
  layers_pattern: names.nullish(),
  rank_pattern: z.record(z.string(), number.positive()).nullish(),
  alpha_pattern: z.record(z.string(), z.number().positive()).nullish(),
});

const MERGE = 'merge it with PEFT (merge_and_unload), and take the merged model';

/** Settings under which an adapter computes something else than LoRA, unless they are off; and why that is so. */
const OTHER_KINDS: Readonly<Record<string, string>> = {
  use_dora: 'DoRA scales the merged weights',
  use_qalora: 'QA-LoRA pools its input',
  use_bdlora: 'its matrices are block-diagonal',
  kasa_config: 'KaSA changes the base model',
  alora_invocation_tokens: 'it is active behind certain tokens alone',
  layer_replication: 'the base model was made deeper',
  modules_to_save: 'these modules were trained as a whole',
  bias: 'biases of the base model were trained too',
  lora_bias: 'its branches have biases',
};

/** Ways to begin an adapter that leave the base model as it is. */
const INITIALIZATIONS: readonly unknown[] = [true, false, 'gaussian', 'eva', 'orthogonal', 'mica'];

const FILE = 'adapter_config.json';

/** The options that an adapter was made with, or what is wrong with its folder. */
export function readAdapterConfig(folder: string): LoraOptions | string {
  const file = path.join(folder, FILE);
  if (!existsSync(folder)) return `there is no folder ${displayPath(folder)}`;
  if (!existsSync(file)) {
    const ofRun = path.join(folder, 'adapter');
    const advice = existsSync(path.join(ofRun, FILE)) ? `; it is in ${displayPath(ofRun)}: name that` : '';
    return `there is no ${FILE} in ${displayPath(folder)}${advice}`;
  }
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    return `${file} is no JSON: ${(error as Error).message}`;
  }
  const { data, error } = schema.safeParse(json, { reportInput: true });
  const faults = [
    ...(error?.issues ?? []).map(
      ({ path, input, message }) => `${path.join('.')} is ${show(input)}: ${message}`,
    ),
    ...kindFaults(json as Record<string, unknown> | null),
  ];
  if (!data || faults.length > 0)
    return `${file} describes an adapter that cannot be used here:\n  ${faults.join('\n  ')}`;
  try {
    return {
      r: data.r,
      alpha: data.lora_alpha,
      useRslora: data.use_rslora ?? false,
      dropout: data.lora_dropout,
      targetModules: data.target_modules as TargetModules,
      selection: selectionOf(data),
    };
  } catch (error) {
    return `${file}: ${(error as Error).message}`;
  }
}

function kindFaults(json: Record<string, unknown> | null): string[] {
  const faults = Object.entries(OTHER_KINDS).flatMap(([key, why]) =>
    isOff(json?.[key]) ? [] : [`${key} is ${show(json?.[key])}: ${why}; ${MERGE}`],
  );
  const begun = json?.init_lora_weights ?? true;
  if (!INITIALIZATIONS.includes(begun)) {
    const why = 'the base model was changed when it was begun, unless with one of';
    const advice = `save it again with path_initial_model_for_weight_conversion of PEFT's save_pretrained, or ${MERGE}`;
    faults.push(`init_lora_weights is ${show(begun)}: ${why} ${INITIALIZATIONS.join(', ')}; ${advice}`);
  }
  return faults;
}

function isOff(value: unknown): boolean {
  if (typeof value === 'object') return Object.keys(value ?? {}).length === 0;
  return value === undefined || value === false || value === 'none';
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? 'missing';
}
