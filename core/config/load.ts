/**
 * From a file to a run's configuration: overridden by `--set`, held against the schema, its paths made absolute,
 * frozen.
 *
 *     const config = await loadConfig('configs/mine.yaml', { set: ['train.epochs=2'] });
 */

import path from 'node:path';
import { parseDocument } from 'yaml';
import { EvolveError } from '../base/errors.js';
import { readConfigFile } from './file.js';
import { resolveModel } from './model-name.js';
import { type ConfigValues, configSchema } from './schema.js';
import { type Locate, validate } from './validate.js';

/** A validated configuration: `output` is set and every path is absolute; a model may have a name instead of a path. */
export type RunConfig = Omit<ConfigValues, 'output'> & { readonly output: string };

export interface LoadedConfig {
  readonly config: RunConfig;
  /** Where a value stands, for faults that plugins find in their options. */
  readonly locate: Locate;
}

export interface ConfigOverrides {
  /** `a.b=value` assignments; the value is read as YAML. */
  readonly set?: readonly string[];
  readonly output?: string;
  readonly device?: string;
}

/** What else is wrong with a configuration, as plugins see it. */
export type FurtherFaults = (config: RunConfig, locate: Locate) => Promise<readonly string[]>;

/** Loads and checks a configuration; every fault is named in one error, those that `furtherFaults` finds included. */
export async function loadConfig(
  file: string,
  overrides: ConfigOverrides = {},
  furtherFaults: FurtherFaults = async () => [],
): Promise<LoadedConfig> {
  const { values, locate: locateInFiles } = await readConfigFile(file);
  const assigned = new Set<string>();
  for (const assignment of overrides.set ?? []) assigned.add(assign(values, assignment));
  const locate: Locate = (keys) => {
    const flag = keys.map((_, i) => keys.slice(0, i + 1).join('.')).find((prefix) => assigned.has(prefix));
    return flag ? `--set ${flag}` : locateInFiles(keys);
  };
  const { data, faults } = validate(configSchema, values, locate);
  if (!data) {
    const further = await furtherFaults(resolve(withoutFaults(values), file, overrides), locate);
    const advice = 'README.md, "Configuration", lists every key with its meaning.';
    throw new EvolveError('CONFIG_INVALID', inOrder([...faults, ...further]).join('\n'), advice);
  }
  return { config: resolve(data, file, overrides), locate };
}

/** In the order of the file: line 2 before line 12. */
export function inOrder(faults: readonly string[]): string[] {
  return [...faults].sort(new Intl.Collator('en', { numeric: true }).compare);
}

/** The values with every faulty section replaced by one that is valid, so that the others can be looked into. */
function withoutFaults(values: Record<string, unknown>): ConfigValues {
  const required: Record<string, unknown> = { model: { path: '.' }, data: { sources: ['none'] } };
  const sections = Object.entries(configSchema.shape).map(([key, schema]) => {
    const isValid = values[key] !== undefined && schema.safeParse(values[key]).success;
    return [key, isValid ? values[key] : required[key]];
  });
  return configSchema.parse(Object.fromEntries(sections));
}

/** Freezes a configuration made in code rather than read from a file; paths count from the working folder. */
export function makeConfig(values: unknown): RunConfig {
  const { data, faults } = validate(configSchema, values, () => 'configuration');
  if (!data) throw new EvolveError('CONFIG_INVALID', faults.join('\n'));
  return resolve(data, path.resolve('run.yaml'), {});
}

/** Applies one `a.b=value`; returns its path. */
function assign(values: Record<string, unknown>, assignment: string): string {
  const at = assignment.indexOf('=');
  const keys = assignment.slice(0, at).split('.');
  if (at < 1 || keys.some((key) => key === '' || key === '__proto__')) {
    throw new EvolveError(
      'COMMAND_LINE',
      `--set ${assignment}: expected key.key=value`,
      'For example --set train.epochs=2',
    );
  }
  const parsed = parseDocument(assignment.slice(at + 1));
  if (parsed.errors.length > 0) {
    throw new EvolveError(
      'COMMAND_LINE',
      `--set ${assignment}: the value is no YAML`,
      'Quote it where it holds : or [ or {.',
    );
  }
  let parent: Record<string, unknown> = values;
  for (const key of keys.slice(0, -1)) {
    const child = parent[key];
    parent[key] =
      typeof child === 'object' && child !== null ? child : typeof child === 'string' ? { name: child } : {};
    parent = parent[key] as Record<string, unknown>;
  }
  const last = keys[keys.length - 1];
  if (Array.isArray(parent) && !/^\d+$/.test(last)) {
    const message = `--set ${assignment}: ${keys.slice(0, -1).join('.')} is a list, which has no "${last}"`;
    throw new EvolveError('COMMAND_LINE', message, 'Items are numbered from 0.');
  }
  parent[last] = parsed.toJS();
  return keys.join('.');
}

/** Paths in a file count from its folder; the default output and the command line's from the working folder. */
function resolve(values: ConfigValues, file: string, overrides: ConfigOverrides): RunConfig {
  const folder = path.dirname(path.resolve(file));
  const name = path.basename(file).replace(/\.[^.]+$/, '');
  const output =
    overrides.output ?? (values.output ? path.resolve(folder, values.output) : path.join('runs', name));
  const { init } = values.adapter;
  return deepFreeze({
    ...values,
    model: { ...values.model, path: resolveModel(folder, values.model.path) },
    adapter:
      typeof init === 'string' ? { ...values.adapter, init: resolveModel(folder, init) } : values.adapter,
    data: {
      ...values.data,
      sources: values.data.sources.map((source) =>
        typeof source === 'string' ? source : { ...source, path: path.resolve(folder, source.path) },
      ),
    },
    plugins: values.plugins.map(([plugin, options]): [string, Record<string, unknown>?] => {
      const resolved = /^\.{0,2}[/\\]/.test(plugin) ? path.resolve(folder, plugin) : plugin;
      return options ? [resolved, options] : [resolved];
    }),
    device: overrides.device ? { name: overrides.device } : values.device,
    output: path.resolve(output),
  });
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    for (const child of Object.values(value)) deepFreeze(child);
    Object.freeze(value);
  }
  return value;
}
