/** The file of a study: one configuration, what varies in it, and what all variants are measured on. */

import path from 'node:path';
import { z } from 'zod';
import { EvolveError } from '../../base/errors.js';
import { resolvePath } from '../../base/paths.js';
import { suggest } from '../../base/suggest.js';
import { readConfigFile } from '../../config/file.js';
import { configSchema } from '../../config/schema.js';
import { type Locate, validate } from '../../config/validate.js';

const count = z.number().int().positive();
const seed = z.number().int().nonnegative().max(0xffffffff);
/** `train.epochs` -> its value, as `--set` has them. */
const assignments = z.record(z.string(), z.unknown());

const set = z.preprocess(
  (value) => (typeof value === 'string' ? { of: value } : value),
  z.strictObject(
    {
      /** The source whose held-out rows are asked. */
      of: z.string().min(1),
      /** Texts that are taken out of a question before it is asked. */
      remove: z.array(z.string().min(1)).default([]),
      /** How it is asked: `{instruction}` is the question. */
      ask: z.string().includes('{instruction}').default('{instruction}'),
    },
    { error: 'expected the name of a source, or { of, remove, ask }' },
  ),
);

const question = z.preprocess(
  (value) => (typeof value === 'string' ? { instruction: value } : value),
  z.strictObject(
    { instruction: z.string().min(1), input: z.string().default('') },
    { error: 'expected a question, or { instruction, input }' },
  ),
);

const schema = z.strictObject({
  /** The configuration that all variants start from. */
  run: z.string().min(1),
  /** Keys of it that are other in all variants. */
  set: assignments.default({}),
  /** What `data.sources` of the configuration may name: each is parted once into rows for training and rows held out. */
  sources: z.record(z.string().min(1), configSchema.shape.data.shape.sources.element),
  heldOut: z
    .strictObject({
      /** So many rows of each source are held out. */
      rows: count.default(60),
      seed: seed.default(42),
      /** What all variants are measured on; the held-out rows of each source by default. */
      sets: z.record(z.string().min(1), set).optional(),
    })
    .prefault({}),
  /** As in a configuration. */
  metrics: configSchema.shape.metrics.optional(),
  variants: z.record(z.string().min(1), assignments.nullable()).optional(),
  /** Keys with several values each: every combination is a variant. */
  grid: z.record(z.string().min(1), z.array(z.unknown()).min(1)).optional(),
  seeds: z.array(seed).min(1).default([42]),
  /** What every model is asked, to see the answers side by side. */
  questions: z.array(question).default([]),
  /** The folder of the study. */
  output: z.string().min(1).optional(),
});

type Values = z.output<typeof schema>;
export type HeldOutSet = z.output<typeof set>;
export type Question = z.output<typeof question>;

/** A study as its file says it: with all paths absolute. */
export interface Study extends Omit<Values, 'output' | 'heldOut'> {
  readonly name: string;
  readonly output: string;
  readonly heldOut: Values['heldOut'] & { readonly sets: Readonly<Record<string, HeldOutSet>> };
  readonly locate: Locate;
}

const ADVICE = 'configs/README.md explains studies.';

/**
 * Reads the file of a study.
 *
 * @throws EvolveError CONFIG_FILE or CONFIG_INVALID, which names every fault
 */
export async function readStudy(file: string, output: string | undefined): Promise<Study> {
  const { values, locate } = await readConfigFile(file);
  const { data, faults } = validate(schema, values, locate);
  if (!data) throw new EvolveError('CONFIG_INVALID', faults.join('\n'), ADVICE);
  const folder = path.dirname(path.resolve(file));
  const name = path.basename(file).replace(/\.[^.]+$/, '');
  const ownSets = Object.keys(data.sources).map((of) => [of, { of, remove: [], ask: '{instruction}' }]);
  const study: Study = {
    ...data,
    ...pathsFrom(folder, { set: data.set, variants: data.variants, grid: data.grid }),
    name,
    run: resolvePath(folder, data.run),
    sources: Object.fromEntries(
      Object.entries(data.sources).map(([key, source]) => [key, inFolder(source, folder)]),
    ),
    heldOut: { ...data.heldOut, sets: data.heldOut.sets ?? Object.fromEntries(ownSets) },
    output:
      output !== undefined
        ? resolvePath('', output)
        : data.output !== undefined
          ? resolvePath(folder, data.output)
          : path.resolve('runs', 'studies', name),
    locate,
  };
  const wrong = [...faultsOf(study)];
  if (wrong.length > 0) throw new EvolveError('CONFIG_INVALID', wrong.join('\n'), ADVICE);
  return study;
}

/** Texts that begin with `./` or `../` are paths from the study's folder. */
function pathsFrom<T>(folder: string, value: T): T {
  if (typeof value === 'string') return (/^\.\.?[/\\]/.test(value) ? resolvePath(folder, value) : value) as T;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => pathsFrom(folder, item)) as T;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) =>
      item === undefined ? [] : [[key, pathsFrom(folder, item)]],
    ),
  ) as T;
}

type Source = Values['sources'][string];

function inFolder(source: Source, folder: string): Source {
  if (typeof source === 'string') return source;
  const absolute = (key: 'path' | 'datasetInfo') =>
    source[key] === undefined ? {} : { [key]: resolvePath(folder, source[key]) };
  return { ...source, ...absolute('path'), ...absolute('datasetInfo') };
}

function* faultsOf(study: Study): Generator<string> {
  const { sources, heldOut, variants, grid, seeds, locate } = study;
  const names = Object.keys(sources);
  if (names.length === 0) yield `${locate(['sources'])}: sources: expected at least one source`;
  for (const [name, source] of Object.entries(sources)) {
    if (typeof source !== 'object') continue;
    const at = ['sources', name];
    if (source.path === '-' || source.path?.endsWith(`${path.sep}-`))
      yield `${locate(at)}: ${at.join('.')}: standard input cannot be read twice; name a file`;
    for (const key of ['weight', 'repeat'] as const)
      if (source[key] !== undefined)
        yield `${locate([...at, key])}: ${key} is how a variant takes the source: data.sources: [{ name: ${name}, ${key}: … }]`;
  }
  for (const [name, { of }] of Object.entries(heldOut.sets))
    if (!names.includes(of))
      yield `${locate(['heldOut', 'sets', name])}: heldOut.sets.${name}: ${unknownSource(of, names)}`;
  if (variants === undefined && grid === undefined)
    yield `${locate([])}: expected variants or a grid, which say what is compared`;
  for (const key of ['variants', 'grid'] as const)
    if (study[key] !== undefined && Object.keys(study[key]).length === 0)
      yield `${locate([key])}: ${key}: expected at least one ${key === 'grid' ? 'key' : 'variant'}`;
  const twice = seeds.find((value, i) => seeds.indexOf(value) !== i);
  if (twice !== undefined) yield `${locate(['seeds'])}: seeds: ${twice} stands here twice`;
}

/** `"belel" is none of the study's sources (did you mean "belle"?)` */
export function unknownSource(name: string, names: readonly string[]): string {
  return `"${name}" is none of the study's sources${suggest(name, names) || `, which are ${names.join(', ')}`}`;
}
