/** From a study to the configurations of its runs, all checked before the first begins. */

import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { EvolveError } from '../../base/errors.js';
import { displayPath } from '../../base/paths.js';
import { inOrder, loadConfig, type RunConfig } from '../../config/load.js';
import { sourcesOf } from '../../data/sources.js';
import { loadChecked } from '../early-faults.js';
import { type Study, unknownSource } from './study-file.js';

/** One way of training. With each seed of the study it is a run. */
export interface Variant {
  readonly name: string;
  /** The name as a part of paths. */
  readonly slug: string;
  /** Dotted keys -> their values. */
  readonly set: ReadonlyMap<string, unknown>;
  /** As far as it is known before data is parted: `data.sources` are those of the study. */
  readonly config: RunConfig;
  /** How the configuration takes the study's sources. */
  readonly uses: readonly Use[];
}

/** A source of the study in a variant's `data.sources`, with `limit`, `weight` or `repeat`. */
export interface Use {
  readonly name: string;
  readonly share: Readonly<Record<string, unknown>>;
}

interface Draft {
  readonly name: string;
  readonly set: Map<string, unknown>;
  /** Where each key stands in the study's file. */
  readonly at: Map<string, readonly string[]>;
}

/** Keys that the study sets itself. */
const OWN_KEYS: Readonly<Record<string, string>> = {
  'train.seed': 'seeds lists the seeds, which all variants have',
  output: "each run has a folder in the study's",
  device: 'all variants have the device of --device, or of the configuration that run names',
};

/** Keys that are the same in all variants, as data is parted once. */
const SHARED_KEYS = ['data.edition', 'data.onBadRow'];

/**
 * The variants of a study, checked as `evolve run` checks a configuration.
 *
 * @throws EvolveError CONFIG_INVALID that names every fault of all of them
 */
export async function variantsOf(study: Study, device: string | undefined): Promise<Variant[]> {
  const faults = new Set<string>();
  for (const fault of sourceFaults(study)) faults.add(fault);
  const variants: Variant[] = [];
  for (const draft of draftsOf(study)) {
    const { found, faults: ofDraft } = await checked(study, draft, device);
    for (const fault of ofDraft) faults.add(fault);
    if (found) variants.push(found);
  }
  for (const fault of repeated(variants, study)) faults.add(fault);
  if (faults.size === 0) return variants;
  const advice = 'configs/README.md explains every key, and studies.';
  throw new EvolveError('CONFIG_INVALID', inOrder([...faults], String).join('\n'), advice);
}

/** Every combination of the grid's values with every variant. */
function draftsOf({ set, grid = {}, variants }: Study): Draft[] {
  const keys = Object.keys(grid);
  const shortest = (key: string) => {
    const last = key.split('.').at(-1) as string;
    return keys.filter((other) => other.split('.').at(-1) === last).length > 1 ? key : last;
  };
  let drafts: Draft[] = [
    {
      name: '',
      // All rows of a variant are trained on: what it is measured on is the study's.
      set: new Map<string, unknown>([['data.validationSize', 0], ...Object.entries(set)]),
      at: new Map(Object.keys(set).map((key) => [key, ['set', key]])),
    },
  ];
  for (const key of keys)
    drafts = drafts.flatMap((draft) =>
      grid[key].map((value, i) =>
        extended(draft, `${shortest(key)} ${text(value)}`, { [key]: value }, ['grid', key, String(i)]),
      ),
    );
  if (variants === undefined) return drafts;
  return Object.entries(variants).flatMap(([name, own]) =>
    drafts.map((draft) => extended(draft, name, own ?? {}, ['variants', name], true)),
  );
}

function extended(
  draft: Draft,
  name: string,
  own: Readonly<Record<string, unknown>>,
  at: readonly string[],
  isFirst = false,
): Draft {
  const names = isFirst ? [name, draft.name] : [draft.name, name];
  const places = Object.keys(own).map((key): [string, readonly string[]] => [
    key,
    at[0] === 'grid' ? at : [...at, key],
  ]);
  return {
    name: names.filter((part) => part !== '').join(', '),
    set: new Map([...draft.set, ...Object.entries(own)]),
    at: new Map([...draft.at, ...places]),
  };
}

async function checked(
  study: Study,
  { name, set, at }: Draft,
  device: string | undefined,
): Promise<{ found?: Variant; faults: string[] }> {
  const { locate } = study;
  const placeOf = (key: string) => locate(indexed(at.get(key) ?? ['set', key]));
  const faults = Object.entries(OWN_KEYS).flatMap(([key, why]) =>
    at.has(key) ? [`${placeOf(key)}: ${key}: ${why}`] : [],
  );
  for (const key of SHARED_KEYS)
    if (at.has(key) && at.get(key)?.[0] !== 'set')
      faults.push(`${placeOf(key)}: ${key}: data is parted once for all variants; put it in set`);
  const inStudy = (message: string) =>
    message.replaceAll(/--set ([^\s:=]+)(: unknown key)?/g, (_, key, isNamed) =>
      isNamed ? `${placeOf(key)}${isNamed}` : `${placeOf(key)}: ${key}`,
    );
  const linesOf = (error: unknown): string[] => {
    if (!(error instanceof EvolveError)) throw error;
    return inStudy(error.message).split('\n');
  };
  const overrides = { set: [...set].map(assignment), ...(device !== undefined && { device }) };
  try {
    const loaded = await loadConfig(study.run, overrides);
    const uses = loaded.config.data.sources.map(useOf);
    const unknown = uses.flatMap((use, i) => {
      if (use !== undefined && use.name in study.sources) return [];
      const names = Object.keys(study.sources);
      const fault = use ? unknownSource(use.name, names) : `expected names of sources: ${names.join(', ')}`;
      const place = loaded.locate(['data', 'sources', i]);
      return [`${inStudy(place.startsWith('--set') ? place : `${place}: data.sources`)}: ${fault}`];
    });
    if (unknown.length > 0) return { faults: [...faults, ...unknown] };
    const known = uses as Use[];
    const sources = known.map((use) => study.sources[use.name]);
    const { config: own } = loaded;
    const metrics = study.metrics ?? own.metrics;
    const config: RunConfig = { ...own, metrics, data: { ...own.data, sources } };
    const locateKey = (keys: readonly PropertyKey[]) => {
      if (keys[0] === 'metrics' && study.metrics) return locate(keys);
      const isSource = keys[0] === 'data' && keys[1] === 'sources' && typeof keys[2] === 'number';
      return isSource ? locate(['sources', known[keys[2] as number].name]) : loaded.locate(keys);
    };
    const found = { name, slug: slugOf(name), set, config, uses: known };
    const selection = { trackers: [], folder: loaded.folder };
    const further = await loadChecked(config, locateKey, selection).then(() => [], linesOf);
    return { found, faults: [...faults, ...further] };
  } catch (error) {
    return { faults: [...faults, ...linesOf(error)] };
  }
}

/** Items of lists are counted by numbers. */
function indexed(at: readonly string[]): PropertyKey[] {
  return at.map((key) => (/^\d+$/.test(key) && at[0] === 'grid' ? Number(key) : key));
}

function useOf(source: RunConfig['data']['sources'][number]): Use | undefined {
  if (typeof source === 'string') return { name: source, share: {} };
  const { name, ...share } = source;
  const isShare = Object.keys(share).every((key) => ['limit', 'weight', 'repeat'].includes(key));
  return name !== undefined && isShare ? { name, share } : undefined;
}

function* sourceFaults({ sources, locate }: Study): Generator<string> {
  for (const [name, source] of Object.entries(sources))
    for (const { message } of sourcesOf({ sources: [source], edition: 'sample' }).faults)
      if (!message.endsWith('has no embedded sample')) yield `${locate(['sources', name])}: ${message}`;
}

function* repeated(variants: readonly Variant[], { locate }: Study): Generator<string> {
  const place = locate(['variants']);
  for (const [i, variant] of variants.entries())
    for (const other of variants.slice(0, i)) {
      const isSame =
        isDeepStrictEqual(variant.config, other.config) && isDeepStrictEqual(variant.uses, other.uses);
      if (isSame) yield `${place}: "${variant.name}" is the same run as "${other.name}"`;
      else if (variant.slug === other.slug)
        yield `${place}: "${variant.name}" and "${other.name}" would have one folder, ${variant.slug}`;
    }
}

/** `train.epochs=2` */
export function assignment([key, value]: readonly [string, unknown]): string {
  // What JSON writes is YAML, too.
  return `${key}=${JSON.stringify(value ?? null)}`;
}

function slugOf(name: string): string {
  return name.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^[.-]+|[.-]+$/g, '') || 'variant';
}

/** A value of a grid as a part of a name. A path is named by its end. */
function text(value: unknown): string {
  if (typeof value === 'string') return value.includes('/') ? path.basename(displayPath(value)) : value;
  return typeof value === 'object' && value !== null
    ? JSON.stringify(value).replaceAll(/["{}[\]]/g, '')
    : String(value);
}
