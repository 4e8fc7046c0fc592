/** What is different from the run that a checkpoint is of, where it matters to its numbers. */

import { displayPath } from '../../base/paths.js';
import type { RunConfig } from '../../config/load.js';

/**
 * What may change between a run and its continuation. Whether the data, the model's files and the tokenizer are the same is
 * seen by what is in them, wherever they lie.
 */
const FREE = [
  'output',
  'device',
  'world',
  'plugins',
  'data',
  'model.path',
  'adapter.init',
  'train.epochs',
  'train.maxSteps',
  'train.logEvery',
  'train.evalEvery',
  'train.saveEvery',
  'train.keepCheckpoints',
  'metrics',
];

/** A line for each setting that differs. @param within only these sections, `data` for example */
export function differentSettings(before: RunConfig, now: RunConfig, within?: string): string[] {
  const [was, is] = [before, now].map((config) => new Map(flat(config, [])));
  const keys = [...new Set([...was.keys(), ...is.keys()])].filter((key) =>
    within === undefined ? !FREE.some((free) => isBelow(key, free)) : isBelow(key, within),
  );
  return keys
    .filter((key) => was.get(key) !== is.get(key))
    .map((key) => `${key}: ${shown(was.get(key))} then, ${shown(is.get(key))} now`);
}

const isBelow = (key: string, prefix: string) => key === prefix || key.startsWith(`${prefix}.`);

const shown = (json: string | undefined) => {
  if (json === undefined) return 'not set';
  const value: unknown = JSON.parse(json);
  return typeof value === 'string' ? displayPath(value) : json;
};

/** Every value that is no object, as JSON, by its keys joined by points. */
function flat(value: unknown, keys: readonly string[]): [string, string][] {
  if (typeof value === 'object' && value !== null)
    return Object.entries(value).flatMap(([key, item]) => flat(item, [...keys, key]));
  return value === undefined ? [] : [[keys.join('.'), JSON.stringify(value)]];
}
