/**
 * Which files of a repository hold a data set, by the hub's own rules:
 * https://huggingface.co/docs/hub/datasets-file-names-and-splits and datasets-manual-configuration
 */

import { EvolveError, type HubData, suggest } from '../../../core/index.js';
import type { DatasetCard } from './hub.js';

/** The files that were chosen, and in a few words how. */
export interface ChosenFiles {
  readonly files: readonly string[];
  /** `split train`, `subset en, split train`; empty where they were named. */
  readonly told: string;
  /** Data files beside them that are of another kind. */
  readonly leftOut: readonly string[];
}

/** By how files end. A repository holds others too. */
const KINDS: readonly [kind: string, ending: RegExp][] = [
  ['parquet', /\.parquet$/i],
  ['json', /\.(json|jsonl|ndjson)(\.gz|\.zst)?$/i],
  ['csv', /\.(csv|tsv)(\.gz|\.zst)?$/i],
  ['text', /\.txt(\.gz|\.zst)?$/i],
];
/** What tools keep beside the data. */
const NO_DATA =
  /(^|\/)(\.[^/]*|__[^/]*|dataset_infos?\.json|dataset_dict\.json|state\.json|config\.json|requirements\.txt|licen[sc]e\.txt)(\/|$)/i;
const OTHER_DATA = /\.(zip|tar|tgz|7z|rar|arrow|pickle|pkl|h5|db|sqlite|xlsx|lance)(\.gz|\.zst)?$|\.py$/i;

const SHARD = /(?:^|\/)([A-Za-z][\w.-]*)-\d{5}-of-\d{5}(?:-[0-9a-f]+)?\.[^/]+$/;
const KEYWORDS = {
  train: ['train', 'training'],
  validation: ['validation', 'valid', 'val', 'dev'],
  test: ['test', 'testing', 'eval', 'evaluation'],
} as const;

/**
 * The files of `names` that are meant, in the order of their names.
 *
 * @throws EvolveError HUB_UNKNOWN if there are none, or it is not certain which
 */
export function chooseFiles(names: readonly string[], card: DatasetCard, wanted: HubData): ChosenFiles {
  const data = names.filter((name) => kindOf(name) !== undefined && !NO_DATA.test(name)).sort();
  if (data.length === 0) throw withoutData(names, wanted);
  if (wanted.files) {
    const named = [...new Set(wanted.files.flatMap((pattern) => matching(names, data, pattern, wanted)))];
    if (!wanted.split) return { files: named, told: '', leftOut: [] };
    return ofOneKind(ofSplit(splitsByName(named), wanted), `split ${wanted.split}`);
  }
  const { config, told } = configOf(card, data, wanted);
  const splits = config.files
    ? splitsOfCard(config.files, names, data)
    : splitsByName(inFolder(config.folder, data));
  const split = wanted.split ?? (splits.size === 1 ? [...splits.keys()][0] : 'train');
  return ofOneKind(ofSplit(splits, { ...wanted, split }), `${told}split ${split}`);
}

const WILDCARDS: Readonly<Record<string, string>> = {
  '**/': '(?:.*/)?',
  '**': '.*',
  '*': '[^/]*',
  '?': '[^/]',
};

/** Whether a name fits a pattern with `*`, `?` and `**`. */
export function fits(pattern: string, name: string): boolean {
  const expression = pattern
    .replace(/^\.?\//, '')
    .replace(/[\\^$+.()|[\]{}]/g, '\\$&')
    .replace(/\*\*\/|\*\*|\*|\?/g, (found) => WILDCARDS[found]);
  return new RegExp(`^${expression}$`).test(name);
}

function kindOf(name: string): string | undefined {
  return KINDS.find(([, ending]) => ending.test(name))?.[0];
}

/** A pattern may name a folder: then all data files in it. */
function matching(
  names: readonly string[],
  data: readonly string[],
  pattern: string,
  { name }: HubData,
): readonly string[] {
  const below = inFolder(pattern, data);
  const found = below.length > 0 ? below : names.filter((file) => fits(pattern, file)).sort();
  if (found.length > 0) return /[*?]/.test(pattern) ? found.filter((file) => data.includes(file)) : found;
  const message = `${name} has no file ${pattern}${suggest(pattern, names)}`;
  throw new EvolveError('HUB_UNKNOWN', message, `Its data files: ${some(data)}.`);
}

interface Config {
  readonly folder: string;
  readonly files?: CardFiles | undefined;
}
type CardFiles = NonNullable<NonNullable<DatasetCard['configs']>[number]['data_files']>;

/** The subset that is meant: one that is named, the only one, or the default. */
function configOf(
  { configs = [] }: DatasetCard,
  data: readonly string[],
  { name, subset }: HubData,
): { config: Config; told: string } {
  if (configs.length === 0) {
    if (subset === undefined) return { config: { folder: '' }, told: '' };
    if (inFolder(subset, data).length > 0) return { config: { folder: subset }, told: `subset ${subset}, ` };
    throw new EvolveError(
      'HUB_UNKNOWN',
      `${name} has no subset "${subset}"`,
      `Its data files: ${some(data)}.`,
    );
  }
  const all = configs.map(({ config_name }) => config_name);
  const isDefault = (config: object) => (config as { default?: boolean }).default === true;
  const chosen =
    subset === undefined
      ? configs.length === 1
        ? configs[0]
        : (configs.find(isDefault) ?? configs.find(({ config_name }) => config_name === 'default'))
      : configs.find(({ config_name }) => config_name === subset);
  if (chosen) {
    const told = configs.length > 1 ? `subset ${chosen.config_name}, ` : '';
    return { config: { folder: chosen.data_dir ?? '', files: chosen.data_files }, told };
  }
  const message =
    subset === undefined
      ? `${name} has several subsets: ${some(all)}`
      : `${name} has no subset "${subset}"${suggest(subset, all)}`;
  throw new EvolveError('HUB_UNKNOWN', message, `Say in the source which: subset: ${all[0]}`);
}

type Splits = ReadonlyMap<string, readonly string[]>;

function splitsOfCard(files: CardFiles, names: readonly string[], data: readonly string[]): Splits {
  const all = [files].flat() as (string | { split: string; path: string | string[] })[];
  const splits = new Map<string, string[]>();
  for (const each of all) {
    const [split, patterns] = typeof each === 'string' ? ['train', [each]] : [each.split, [each.path].flat()];
    const found = patterns.flatMap((pattern) => {
      const fitting = names.filter((name) => fits(pattern, name)).sort();
      return fitting.length > 0 ? fitting : inFolder(pattern, data);
    });
    splits.set(split, [...new Set([...(splits.get(split) ?? []), ...found])]);
  }
  return splits;
}

function inFolder(folder: string, data: readonly string[]): readonly string[] {
  return folder === '' ? data : data.filter((name) => name.startsWith(folder.replace(/\/?$/, '/')));
}

/** By the names of shards, else of folders, else of files; all are of the split train where no name tells. */
function splitsByName(data: readonly string[]): Splits {
  const byShard = grouped(data, (name) => SHARD.exec(name)?.[1]);
  if (byShard.size > 0 && data.every((name) => SHARD.test(name))) return byShard;
  const byFolder = grouped(data, (name) => keywordIn(name.split('/').slice(0, -1).join('/')));
  if (byFolder.size > 0) return byFolder;
  const byFile = grouped(data, (name) => keywordIn(name.split('/').at(-1) ?? ''));
  return byFile.size > 0 ? byFile : new Map([['train', data]]);
}

function grouped(names: readonly string[], splitOf: (name: string) => string | undefined): Splits {
  const splits = new Map<string, string[]>();
  for (const name of names) {
    const split = splitOf(name);
    if (split !== undefined) splits.set(split, [...(splits.get(split) ?? []), name]);
  }
  return splits;
}

/** The split whose keyword stands in a text between signs that are no letters. */
function keywordIn(text: string): string | undefined {
  const words = text.toLowerCase().split(/[^a-z]+/);
  return Object.entries(KEYWORDS).find(([, all]) => all.some((word) => words.includes(word)))?.[0];
}

function ofSplit(splits: Splits, { name, split = 'train' }: HubData): readonly string[] {
  const found = splits.get(split) ?? [];
  if (found.length > 0) return found;
  const others = [...splits].flatMap(([each, files]) => (files.length > 0 ? [each] : []));
  const message = `${name} has no split "${split}"${suggest(split, others)}`;
  throw new EvolveError('HUB_UNKNOWN', message, `It has ${some(others)}: split: ${others[0] ?? 'train'}`);
}

/** Of files of several kinds those of the kind that most have. */
function ofOneKind(files: readonly string[], told: string): ChosenFiles {
  const counts = KINDS.map(([kind]) => files.filter((name) => kindOf(name) === kind).length);
  const [kind] = KINDS[counts.indexOf(Math.max(...counts))];
  return {
    files: files.filter((name) => kindOf(name) === kind),
    told,
    leftOut: files.filter((name) => kindOf(name) !== kind),
  };
}

function withoutData(names: readonly string[], { name }: HubData): EvolveError {
  const others = names.filter((each) => OTHER_DATA.test(each));
  const isScript = others.some((each) => each.endsWith('.py'));
  const there = others.length > 0 ? `; it has ${some(others)}` : '';
  const advice = isScript
    ? 'A program of its own makes its records, and is not run here. The hub keeps most such sets as Parquet too: revision: refs/convert/parquet'
    : 'evolve reads .parquet, .json, .jsonl, .csv, .tsv and .txt, also packed with gzip or zstd.';
  return new EvolveError('HUB_UNKNOWN', `${name} has no data file that is read${there}`, advice);
}

function some(names: readonly string[]): string {
  return names.slice(0, 10).join(', ') + (names.length > 10 ? ` and ${names.length - 10} more` : '');
}
