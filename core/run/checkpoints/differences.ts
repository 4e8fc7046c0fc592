/** What is different from the run that a checkpoint is of, where it matters to its numbers. */

import path from 'node:path';
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
  'train.loadBestModelAtEnd',
  'train.metricForBestModel',
  'train.greaterIsBetter',
  'train.earlyStoppingPatience',
  'train.earlyStoppingThreshold',
  'metrics',
  'trackers',
];

/** A line for each setting that differs. @param within only these sections, `data` for example */
export function differentSettings(before: RunConfig, now: RunConfig, within?: string): string[] {
  return differences(before, now).flatMap(([key, values]) => {
    const isMeant = within === undefined ? !FREE.some((free) => isBelow(key, free)) : isBelow(key, within);
    return isMeant ? [`${key}: ${values}`] : [];
  });
}

/** A line for each further plugin that one of the runs does not have, and for each option that differs. Their files may move. */
export function differentPlugins(before: RunConfig, now: RunConfig): string[] {
  const [was, is] = [before, now].map(
    ({ plugins }) => new Map(plugins.map(([file, options = {}]) => [path.basename(file), options])),
  );
  return [...new Set([...was.keys(), ...is.keys()])].flatMap((name) => {
    if (!was.has(name)) return [`${name} is used now, and was not then`];
    if (!is.has(name)) return [`${name} was used then, and is not now`];
    return differences(was.get(name), is.get(name)).map(([key, values]) => `${name}: ${key}: ${values}`);
  });
}

/** The keys at which two values differ, each with what both have there. */
function differences(before: unknown, now: unknown): [string, string][] {
  const [was, is] = [before, now].map((value) => new Map(flat(value, [])));
  return [...new Set([...was.keys(), ...is.keys()])]
    .filter((key) => was.get(key) !== is.get(key))
    .map((key) => [key, `${shown(was.get(key))} then, ${shown(is.get(key))} now`]);
}

const isBelow = (key: string, prefix: string) => key === prefix || key.startsWith(`${prefix}.`);

const shown = (json: string | undefined) => {
  if (json === undefined) return 'not set';
  const value: unknown = JSON.parse(json);
  return typeof value === 'string' ? displayPath(value) : json;
};

/** Every value that holds no object, as JSON, by its keys joined by points. */
export function flat(value: unknown, keys: readonly string[]): [string, string][] {
  const isFlat = Array.isArray(value) && !value.some((item) => typeof item === 'object');
  if (typeof value === 'object' && value !== null && !isFlat)
    return Object.entries(value).flatMap(([key, item]) => flat(item, [...keys, key]));
  return value === undefined ? [] : [[keys.join('.'), JSON.stringify(value)]];
}
