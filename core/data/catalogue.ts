/**
 * The data sets that have a name, each in a file of data/catalogue/: what it is, and where it is published. Their facts are
 * those that its makers, or the collection that holds it, state; what nobody states is left out.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';

const DATA_FOLDER = new URL('../../../data/', import.meta.url);
const FOLDER = new URL('catalogue/', DATA_FOLDER);

const text = z.string().min(1);
const texts = z.array(text).min(1);

const single = z.strictObject({
  /** What it is, in a few words. */
  about: text,
  /** Tags of BCP 47. */
  languages: texts.optional(),
  /** What its records ask for. */
  task: text.optional(),
  /** How it was made. */
  made: text.optional(),
  /** How many records the full edition has. */
  rows: z.number().int().positive().optional(),
  licence: text.optional(),
  /** Where it comes from. */
  origin: z.url().optional(),
  format: text,
  columns: z.record(z.string(), z.union([text, texts])).optional(),
  /** The full edition: a data set of a hub, and which files of it. */
  source: z.strictObject({
    hub: text,
    revision: text.optional(),
    subset: text.optional(),
    split: text.optional(),
    files: texts.optional(),
    /** Of these files, as the hub's pages tell it. */
    size: text.optional(),
  }),
  /** An embedded file that stands for it, in data/. */
  sample: text.optional(),
});

const combination = z.strictObject({
  about: text,
  /** The names that it is made of. */
  parts: texts,
});

export type CatalogueEntry = z.output<typeof single>;
/** Several data sets under one name. */
export type Combination = z.output<typeof combination>;

/** Every data name there is. */
export function catalogueNames(): string[] {
  return readdirSync(FOLDER)
    .map((file) => file.replace(/\.yaml$/, ''))
    .sort();
}

/** What the catalogue says of a name; undefined if it has no such name. */
export function catalogueEntry(name: string): CatalogueEntry | Combination | undefined {
  if (!catalogueNames().includes(name)) return undefined;
  const values: unknown = parse(readFileSync(new URL(`${name}.yaml`, FOLDER), 'utf8'));
  const isCombination = typeof values === 'object' && values !== null && 'parts' in values;
  return (isCombination ? combination : single).parse(values);
}

/** All of the catalogue, by name. */
export function readCatalogue(): Readonly<Record<string, CatalogueEntry | Combination>> {
  const entries = catalogueNames().map((name) => [name, catalogueEntry(name)] as const);
  return Object.fromEntries(entries) as Record<string, CatalogueEntry | Combination>;
}

/** The absolute path of an embedded file. */
export function embedded(file: string): string {
  return fileURLToPath(new URL(file, DATA_FOLDER));
}
