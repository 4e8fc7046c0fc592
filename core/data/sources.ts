/**
 * From `data.sources` to what is to be read: files, in a format. Names come from the catalogue. A name that is not there is
 * passed on as a format of its own, for a dataset plugin that brings its data along.
 */

import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { EvolveError } from '../base/errors.js';
import { displayPath } from '../base/paths.js';
import { suggest } from '../base/suggest.js';
import type { RunConfig } from '../config/load.js';
import { PLACES, shareKeys } from '../config/schema.js';
import type { DataSource } from '../contracts/dataset.js';
import { ForeignKeyFault, ofAxolotl } from './axolotl.js';
import { catalogueEntry, catalogueNames, embedded } from './catalogue.js';
import { readDescription } from './dataset-info.js';

type Described = Exclude<RunConfig['data']['sources'][number], string>;

const ADVICE =
  '`evolve data list` lists the names; { path: FILE } takes a file of your own, { hub: owner/name } a data set of a hub.';

/**
 * What is to be read for the configuration's sources. One error names all that are missing.
 *
 * @param tell takes what a person should know of them
 */
export function resolveSources(
  data: RunConfig['data'],
  tell: (message: string) => void = () => {},
): DataSource[] {
  const { sources, faults, remarks } = sourcesOf(data);
  if (faults.length > 0) {
    const message = faults.map((fault) => fault.message).join('\n');
    const advice = new Set(faults.map((fault) => fault.advice || ADVICE));
    throw new EvolveError('DATA_UNKNOWN', message, [...advice].join('\n'), { at: ['data', 'sources'] });
  }
  for (const remark of [...remarks, ...repeated(sources)]) tell(remark);
  return sources;
}

/** The same, with an error for each that is missing. */
export function sourcesOf(data: Pick<RunConfig['data'], 'sources' | 'edition'>): {
  sources: DataSource[];
  faults: EvolveError[];
  remarks: string[];
} {
  const faults: EvolveError[] = [];
  const remarks: string[] = [];
  const sources = data.sources.flatMap((source, index): DataSource[] => {
    try {
      if (typeof source === 'string') return ofName(source, index, data.edition);
      if (PLACES.every((key) => source[key] === undefined)) return ofNamed(source, index, data.edition);
      const { source: found, remark } = ofKeys(source, index);
      if (remark) remarks.push(remark);
      return [found];
    } catch (error) {
      if (!(error instanceof EvolveError)) throw error;
      const { code, message, advice, at = ['data', 'sources', index] } = error;
      faults.push(new EvolveError(code, message, advice, { at, cause: error }));
      return [];
    }
  });
  return { sources, faults, remarks };
}

/** A name of the catalogue: its sample or its full edition, or those of its parts. */
function ofName(name: string, index: number, edition: RunConfig['data']['edition']): DataSource[] {
  const entry = catalogueEntry(name);
  if (!entry) return [{ name, format: name, index }];
  if ('parts' in entry) return entry.parts.flatMap((part) => ofName(part, index, edition));
  const { format, columns, languages = [], sample, source } = entry;
  const common = {
    name,
    format,
    index,
    ...(columns && { columns }),
    ...(languages.length === 1 && { language: languages[0] }),
  };
  if (edition === 'full') {
    const { hub, revision, subset, split, files } = source;
    return [{ ...common, hub: { name: hub, revision, subset, split, files } }];
  }
  if (sample) return [{ ...common, path: embedded(sample) }];
  const message = `"${name}" has no embedded sample`;
  const advice = `data.edition: full takes all of it from the hub; \`evolve data show ${name}\` tells what it is.`;
  throw new EvolveError('DATA_UNKNOWN', message, advice);
}

/** A name of the catalogue, with what part it takes. The catalogue says the rest. */
function ofNamed(source: Described, index: number, edition: RunConfig['data']['edition']): DataSource[] {
  const { name = '', limit } = onlyKeys(source, index, ['name', ...Object.keys(shareKeys)], {
    what: 'the name of a data set',
    advice: 'Name a file of your own as path.',
  });
  return ofName(name, index, edition).map((found) => ({ ...found, ...(limit && { limit }) }));
}

/** A source that says itself where its data is. */
function ofKeys(source: Described, index: number): { source: DataSource; remark?: string | undefined } {
  const { encoding, language, limit, take } = source;
  const said = {
    ...(encoding && { encoding }),
    ...(language && { language }),
    ...(limit && { limit }),
    ...(take && { take }),
  };
  if (source.datasetInfo !== undefined) {
    const { name = '' } = onlyWith(source, index);
    const { source: described, remark } = readDescription(source.datasetInfo, name);
    const least = Math.min(described.limit ?? Infinity, limit ?? Infinity);
    const found = { ...described, name, index, ...said, ...(least < Infinity && { limit: least }) };
    return { source: found, remark };
  }
  const foreign = translated(source, index);
  const { format, columns, roles, file } = {
    ...foreign,
    ...(source.format && { format: source.format }),
    ...(source.columns && { columns: source.columns }),
    ...(source.file && { file: source.file }),
  };
  const reading = {
    format: format ?? 'auto',
    index,
    ...said,
    ...(columns && { columns }),
    ...(roles && { roles }),
  };
  const files = file === undefined ? undefined : [file].flat();
  if (source.hub !== undefined) {
    const { hub, revision, subset, split } = source;
    refuseBeside('hub', source, index, { name: 'datasetInfo' });
    return { source: { name: hub, ...reading, hub: { name: hub, revision, subset, split, files } } };
  }
  const path = source.path as string;
  const { split } = source;
  const found = { name: displayPath(path), path, ...reading, ...(split && { split }) };
  refuseBeside('path', source, index, { name: 'datasetInfo', revision: 'hub', subset: 'hub' });
  if (!mayBeThere(path)) throw missing(path, index);
  if (!files) return { source: found };
  const absolute = files.map((each) => join(path, each));
  const lost = absolute.find((each) => !existsSync(each));
  if (lost !== undefined) throw missing(lost, index, 'file');
  return { source: { ...found, files: absolute } };
}

/** A description says all but these itself. */
function onlyWith(source: Described, index: number): Described {
  const allowed = ['datasetInfo', 'name', 'encoding', 'language', 'take', ...Object.keys(shareKeys)];
  onlyKeys(source, index, allowed, {
    what: 'datasetInfo, whose description says it',
    advice: 'Change the description, or name the file itself as path.',
  });
  if (source.name !== undefined) return source;
  throw new EvolveError(
    'DATA_UNKNOWN',
    'a source with datasetInfo needs the name of one of its descriptions',
    'Such as { datasetInfo: data/dataset_info.json, name: identity }',
    { at: ['data', 'sources', index] },
  );
}

/** The source, if it has no other keys than these. */
function onlyKeys(
  source: Described,
  index: number,
  allowed: readonly string[],
  { what, advice }: { what: string; advice: string },
): Described {
  const others = Object.keys(source).filter((key) => !allowed.includes(key));
  if (others.length === 0) return source;
  const message = `${others.join(', ')} does not go with ${what}`;
  throw new EvolveError('DATA_UNKNOWN', message, advice, { at: ['data', 'sources', index, others[0]] });
}

/** @param others keys that do not go with `place`, with the one that they go with */
function refuseBeside(
  place: string,
  source: Described,
  index: number,
  others: Partial<Record<'name' | 'revision' | 'subset', string>>,
): void {
  for (const [key, goes] of Object.entries(others)) {
    if (source[key as keyof typeof others] === undefined) continue;
    const message = `${key} goes with ${goes}, and not with ${place}`;
    throw new EvolveError('DATA_UNKNOWN', message, ADVICE, { at: ['data', 'sources', index, key] });
  }
}

function translated(source: Described, index: number): ReturnType<typeof ofAxolotl> {
  try {
    return ofAxolotl(source);
  } catch (error) {
    if (!(error instanceof ForeignKeyFault)) throw error;
    const advice = 'format, columns and roles say the same in evolve (data/README.md).';
    throw new EvolveError('DATA_UNKNOWN', error.message, advice, { at: ['data', 'sources', index] });
  }
}

/** Standard input is there, and what a wild-card fits is looked for when it is read. */
function mayBeThere(path: string): boolean {
  return path === '-' || /[*?]/.test(path) || existsSync(path);
}

function missing(path: string, index: number, key = 'path'): EvolveError {
  const message = `${displayPath(path)}: there is no such file`;
  return new EvolveError('DATA_UNKNOWN', message, ADVICE, { at: ['data', 'sources', index, key] });
}

/** What comes more than once: it is trained on as often. */
function repeated(sources: readonly DataSource[]): string[] {
  const counts = new Map<string, { name: string; count: number }>();
  for (const { name, path, files, hub, split } of sources) {
    if (path === undefined ? hub === undefined : path === '-' || /[*?]/.test(path)) continue;
    const place = path === undefined ? JSON.stringify(hub) : realpathSync(path);
    const key = JSON.stringify([place, files, split]);
    counts.set(key, { name, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  return [...counts.values()].flatMap(({ name, count }) =>
    count > 1 ? [`${name} is named ${count} times as a source, and is trained on as often`] : [],
  );
}

const KINDS_OF_FILE: readonly string[] = ['csv', 'tsv', 'parquet', 'json', 'jsonl'];
const KIND_ADVICE =
  'What kind of file it is, its content tells. A format says what is in the records; without one, they tell it too. ';

/** @param formats all that are known. The kind of a file is no slip of one of them. */
export function unknownSource(source: DataSource, formats: readonly string[]): EvolveError {
  const isData = source.path !== undefined || source.hub !== undefined;
  const isFile = !isData && /[\\/.]/.test(source.name);
  const hint = isFile
    ? `A file is given as { path: ${source.name} }, a data set of a hub as { hub: ${source.name} }. `
    : KINDS_OF_FILE.includes(source.format)
      ? KIND_ADVICE
      : '';
  const message = isData
    ? `${source.name}: unknown data format "${source.format}"${hint ? '' : suggest(source.format, formats)}`
    : `unknown data name "${source.name}"${isFile ? '' : suggest(source.name, catalogueNames())}`;
  const advice = `${hint}\`evolve data list\` lists the names. Formats, as in { path: FILE, format: FORMAT }: ${formats.join(', ')}.`;
  const at = ['data', 'sources', source.index, ...(isData ? ['format'] : [])];
  return new EvolveError('DATA_UNKNOWN', message, advice, { at });
}
