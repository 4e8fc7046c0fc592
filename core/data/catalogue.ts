/**
 * From `data.sources` to the files and formats to read. Names come from data/catalogue.yaml. A name that is not there is
 * passed on as a format of its own, for a dataset plugin that brings its data along.
 */

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';
import { EvolveError } from '../base/errors.js';
import { displayPath } from '../base/paths.js';
import { suggest } from '../base/suggest.js';
import type { RunConfig } from '../config/load.js';
import type { DataSource } from '../contracts/dataset.js';

const DATA_FOLDER = new URL('../../../data/', import.meta.url);

const entrySchema = z.strictObject({
  about: z.string(),
  format: z.string(),
  /** The embedded sample: a file in data/, or the names of the entries that it is made of. */
  sample: z.union([z.string(), z.array(z.string())]),
  /** The full edition: the upstream name of the file, which a person puts into data/. */
  full: z.string(),
  /** Where the full edition is published. */
  published: z.string(),
});

export type CatalogueEntry = z.output<typeof entrySchema>;

/** Every data name there is. */
export function readCatalogue(): Record<string, CatalogueEntry> {
  const text = readFileSync(new URL('catalogue.yaml', DATA_FOLDER), 'utf8');
  return z.record(z.string(), entrySchema).parse(parse(text));
}

const ADVICE = 'data.edition: sample takes the embedded samples; { path, format } takes a file of your own.';

/** The files to read for the configuration's sources. One error names all that are missing. */
export function resolveSources(data: RunConfig['data']): DataSource[] {
  const { sources, faults } = sourcesOf(data);
  if (faults.length > 0) {
    const message = faults.map((fault) => fault.message).join('\n');
    throw new EvolveError('DATA_UNKNOWN', message, ADVICE, { at: ['data', 'sources'] });
  }
  return sources;
}

/** The same, with an error for each file that is missing. */
export function sourcesOf(data: Pick<RunConfig['data'], 'sources' | 'edition'>): {
  sources: DataSource[];
  faults: EvolveError[];
} {
  const catalogue = readCatalogue();
  const faults: EvolveError[] = [];
  const addFault = (message: string, ...at: PropertyKey[]) => {
    faults.push(new EvolveError('DATA_UNKNOWN', message, ADVICE, { at: ['data', 'sources', ...at] }));
  };
  const ofName = (name: string, index: number, limit?: number): DataSource[] => {
    const entry = catalogue[name];
    const most = limit === undefined ? {} : { limit };
    if (!entry) return [{ name, format: name, index, ...most }];
    const file = entry[data.edition];
    if (Array.isArray(file)) return file.flatMap((part) => ofName(part, index, limit));
    const path = fileURLToPath(new URL(file, DATA_FOLDER));
    if (!existsSync(path)) {
      const how = `download ${file} from ${entry.published} to ${path}`;
      addFault(`the ${data.edition} edition of "${name}" is not there: ${how}`, index);
    }
    return [{ name, path, format: entry.format, index, ...most }];
  };
  const sources = data.sources.flatMap((source, index): DataSource[] => {
    if (typeof source === 'string') return ofName(source, index);
    if ('name' in source) return ofName(source.name, index, source.limit);
    if (!mayBeThere(source.path))
      addFault(`${displayPath(source.path)}: there is no such file`, index, 'path');
    const { weight: _, repeat: __, ...read } = source;
    return [{ name: displayPath(source.path), ...read, index }];
  });
  return { sources, faults };
}

/** Standard input is there, and what a wild-card fits is looked for when it is read. */
function mayBeThere(path: string): boolean {
  return path === '-' || /[*?]/.test(path) || existsSync(path);
}

const KINDS_OF_FILE: readonly string[] = ['csv', 'tsv', 'parquet', 'json', 'jsonl'];
const KIND_ADVICE =
  'What kind of file it is, its content tells. A format says what is in the records; without one, they tell it too. ';

/** @param formats all that are known. The kind of a file is no slip of one of them. */
export function unknownSource(source: DataSource, formats: readonly string[]): EvolveError {
  const names = Object.keys(readCatalogue());
  const isFile = source.path === undefined && /[\\/.]/.test(source.name);
  const hint = isFile
    ? `A file is given as { path: ${source.name} }. `
    : KINDS_OF_FILE.includes(source.format)
      ? KIND_ADVICE
      : '';
  const message = source.path
    ? `${source.name}: unknown data format "${source.format}"${hint ? '' : suggest(source.format, formats)}`
    : `unknown data name "${source.name}"${isFile ? '' : suggest(source.name, names)}`;
  const advice = `${hint}Names: ${names.join(', ')}. Formats, as in { path: FILE, format: FORMAT }: ${formats.join(', ')}.`;
  const at = ['data', 'sources', source.index, ...(source.path ? ['format'] : [])];
  return new EvolveError('DATA_UNKNOWN', message, advice, { at });
}
