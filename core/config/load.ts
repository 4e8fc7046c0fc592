/**
 * Makes a run's configuration of a file: applies `--set`, checks it against the schema, makes its paths absolute, and
 * freezes it.
 *
 *     const config = await loadConfig('configs/mine.yaml', { set: ['train.epochs=2'] });
 */

import path from 'node:path';
import { parseDocument } from 'yaml';
import type { z } from 'zod';
import { EvolveError } from '../base/errors.js';
import { resolvePath } from '../base/paths.js';
import { readConfigFile } from './file.js';
import { replacedBy } from './layers.js';
import { resolveModel } from './model-name.js';
import { type AssemblyValues, assemblySchema, type ConfigValues, configSchema } from './schema.js';
import { type Locate, validate } from './validate.js';

/**
 * What a model is made of: the part of a configuration that every command has. Every path is absolute; a model may have a
 * name instead of a path. Without `adapter` it is the base model.
 */
export type AssemblyConfig = AssemblyValues;

/** A run's whole configuration, validated: `output` is set, and the rest is as in AssemblyConfig. */
export type RunConfig = Omit<ConfigValues, 'output'> & { readonly output: string };

export interface LoadedConfig {
  readonly config: RunConfig;
  /** Says where a value stands, for faults that plugins find in their options. */
  readonly locate: Locate;
  /** Where the file lies: packages that it names are looked up from there. */
  readonly folder: string;
}

export interface ConfigOverrides {
  /** `a.b=value` assignments; the value is read as YAML. */
  readonly set?: readonly string[];
  readonly output?: string;
  readonly device?: string;
}

/** The valid sections of a configuration. */
export type ConfigSections = Partial<RunConfig>;

/** Finds what plugins see wrong with a configuration. */
export type FurtherFaults = (
  sections: ConfigSections,
  locate: Locate,
  folder: string,
) => Promise<readonly string[]>;

/** Loads and checks a configuration. One error names every fault, also those that `furtherFaults` finds. */
export async function loadConfig(
  file: string,
  overrides: ConfigOverrides = {},
  furtherFaults: FurtherFaults = async () => [],
): Promise<LoadedConfig> {
  const { values, locate: locateInFiles } = await readConfigFile(file);
  const assigned = new Set<string>();
  for (const assignment of overrides.set ?? []) assigned.add(assign(values, assignment, assigned));
  const flagOf = (keys: readonly PropertyKey[]) =>
    keys.map((_, i) => keys.slice(0, i + 1).join('.')).find((prefix) => assigned.has(prefix));
  const locate: Locate = (keys) => {
    if (keys[0] === 'device' && overrides.device !== undefined) return '--device';
    const flag = flagOf(keys);
    return flag ? `--set ${flag}` : locateInFiles(keys);
  };
  // A person at the terminal means a path from where they stand.
  const folderOf: FolderOf = (...keys) => (flagOf(keys) ? path.resolve() : path.dirname(path.resolve(file)));
  const { data, faults } = validate(configSchema, values, locate);
  const folder = folderOf('plugins');
  if (!data) {
    const sections = {
      ...validSections(values, folderOf),
      ...(overrides.device && { device: { name: overrides.device } }),
    };
    const further = await furtherFaults(sections, locate, folder);
    const advice = 'configs/README.md explains every key.';
    throw new EvolveError('CONFIG_INVALID', inOrder([...faults, ...further], String).join('\n'), advice);
  }
  return { config: resolve(data, file, overrides, folderOf), locate, folder };
}

/** The folder from which the path at these keys counts. */
type FolderOf = (...keys: PropertyKey[]) => string;

/** Faults in the order of the file, as their texts begin with the place: line 2 before line 12. */
export function inOrder<T>(faults: readonly T[], textOf: (fault: T) => string): T[] {
  const { compare } = new Intl.Collator('en', { numeric: true });
  return [...faults].sort((a, b) => compare(textOf(a), textOf(b)));
}

/** The valid sections, and of others the valid keys: plugins can check these although others are faulty. */
function validSections(values: Record<string, unknown>, folderOf: FolderOf): ConfigSections {
  const sections = Object.entries(configSchema.shape).flatMap(([key, schema]) => {
    const data = validPart(schema, values[key]);
    return data === undefined ? [] : [[key, data]];
  });
  const resolved = resolveAssembly(Object.fromEntries(sections) as ConfigSections, folderOf);
  return resolved.data ? { ...resolved, data: resolveData(resolved.data, folderOf) } : resolved;
}

/** A section without its faulty keys; undefined where nothing can be made of the others, or of what they are options of. */
function validPart(schema: z.ZodType, value: unknown): unknown {
  const { data, error } = schema.safeParse(value);
  if (!error || typeof value !== 'object' || value === null || Array.isArray(value)) return data;
  const faulty = error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' && issue.path.length === 0 ? issue.keys : issue.path.slice(0, 1),
  );
  if (faulty.length === 0 || faulty.includes('name') || faulty.includes('method')) return undefined;
  const others = Object.entries(value).filter(([key]) => !faulty.includes(key));
  return schema.safeParse(Object.fromEntries(others)).data;
}

/** A run's configuration, made in code. Paths count from the working folder. */
export function makeConfig(values: unknown): RunConfig {
  return resolve(valid(configSchema, values), 'run.yaml', {}, () => path.resolve());
}

/** The configuration of a model that is not trained, made in code. Paths count from the working folder. */
export function makeAssembly(values: unknown): AssemblyConfig {
  return deepFreeze(resolveAssembly(valid(assemblySchema, values), () => path.resolve()));
}

function valid<T>(schema: z.ZodType<T>, values: unknown): T {
  const { data, faults } = validate(schema, values, () => 'configuration');
  if (!data) throw new EvolveError('CONFIG_INVALID', faults.join('\n'));
  return data;
}

/** Applies one `a.b=value`; returns its path. What does not go with it goes, unless it was assigned too. */
function assign(values: Record<string, unknown>, assignment: string, assigned: ReadonlySet<string>): string {
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
  const value: unknown = parsed.toJS();
  for (const key of replacedBy(parent, keys, value))
    if (!assigned.has([...keys.slice(0, -1), key].join('.'))) delete parent[key];
  parent[last] = value;
  return keys.join('.');
}

/** Paths in a file count from its folder. The default output, `--output` and `--set` count from the working folder. */
function resolve(
  values: ConfigValues,
  file: string,
  overrides: ConfigOverrides,
  folderOf: FolderOf,
): RunConfig {
  const name = path.basename(file).replace(/\.[^.]+$/, '');
  const inFile = values.output && resolvePath(folderOf('output'), values.output);
  const output = overrides.output ?? inFile ?? path.join('runs', name);
  const assembly = resolveAssembly(values, folderOf);
  const metrics = values.metrics.map((metric, i) =>
    typeof metric.path === 'string'
      ? { ...metric, path: resolvePath(folderOf('metrics', i, 'path'), metric.path) }
      : metric,
  );
  return deepFreeze({
    ...assembly,
    metrics,
    data: resolveData(assembly.data, folderOf),
    device: overrides.device ? { name: overrides.device } : values.device,
    output: resolvePath('', output),
  });
}

/** The same, with the paths of sources made absolute. */
function resolveData(data: ConfigValues['data'], folderOf: FolderOf): ConfigValues['data'] {
  const sources = data.sources.map((source, i) => {
    if (typeof source === 'string') return source;
    const inFolder = (key: 'path' | 'datasetInfo') => {
      const file = source[key];
      // `-` is standard input.
      if (file === undefined || file === '-') return {};
      return { [key]: resolvePath(folderOf('data', 'sources', i, key), file) };
    };
    return { ...source, ...inFolder('path'), ...inFolder('datasetInfo') };
  });
  return { ...data, sources };
}

/** The same, with the paths of model, adapter, template and plugins made absolute. */
function resolveAssembly<C extends Partial<AssemblyConfig>>(values: C, folderOf: FolderOf): C {
  const { model, adapter, data, plugins } = values;
  return {
    ...values,
    ...(model && { model: { ...model, path: resolveModel(folderOf('model', 'path'), model.path) } }),
    ...(typeof adapter?.init === 'string' && {
      adapter: { ...adapter, init: resolveModel(folderOf('adapter', 'init'), adapter.init) },
    }),
    ...(typeof data?.template?.path === 'string' && {
      data: {
        ...data,
        template: {
          ...data.template,
          path: resolvePath(folderOf('data', 'template', 'path'), data.template.path),
        },
      },
    }),
    ...(plugins && {
      plugins: plugins.map(([plugin, options], i): [string, Record<string, unknown>?] => {
        const isPath = /^(\.{0,2}|~|\$HOME|\$\{HOME\})[/\\]/.test(plugin);
        const resolved = isPath ? resolvePath(folderOf('plugins', i), plugin) : plugin;
        return options ? [resolved, options] : [resolved];
      }),
    }),
  };
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    for (const child of Object.values(value)) deepFreeze(child);
    Object.freeze(value);
  }
  return value;
}
