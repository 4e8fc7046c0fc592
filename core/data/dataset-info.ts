/**
 * LLaMA-Factory's dataset_info.json: descriptions of data sets by name. Each is read as LLaMA-Factory reads it
 * (https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md), as a source of the format `dataset-info`.
 */

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { EvolveError, messageOf } from '../base/errors.js';
import { displayPath, resolvePath } from '../base/paths.js';
import { suggest } from '../base/suggest.js';
import type { DataSource } from '../contracts/dataset.js';

const name = z.string().min(1);
const columnName = name.nullish();

const columns = z.strictObject({
  prompt: columnName,
  query: columnName,
  response: columnName,
  history: columnName,
  messages: columnName,
  system: columnName,
  tools: columnName,
  images: columnName,
  videos: columnName,
  audios: columnName,
  chosen: columnName,
  rejected: columnName,
  kto_tag: columnName,
});

const tags = z.strictObject({
  role_tag: columnName,
  content_tag: columnName,
  user_tag: columnName,
  assistant_tag: columnName,
  observation_tag: columnName,
  function_tag: columnName,
  system_tag: columnName,
});

const description = z.looseObject({
  hf_hub_url: name.optional(),
  ms_hub_url: name.optional(),
  om_hub_url: name.optional(),
  script_url: name.optional(),
  cloud_file_name: name.optional(),
  file_name: name.optional(),
  formatting: z.enum(['alpaca', 'sharegpt', 'openai']).default('alpaca'),
  ranking: z.boolean().default(false),
  subset: name.nullish(),
  split: name.default('train'),
  folder: name.nullish(),
  num_samples: z.number().int().positive().nullish(),
  columns: columns.optional(),
  tags: tags.optional(),
});

type Description = z.output<typeof description>;
type Described = Pick<DataSource, 'path' | 'hub' | 'format' | 'columns' | 'roles' | 'limit'>;

/** As they are where a description has no `columns`; once it has, a column that is not named there is absent. */
const COLUMNS: z.output<typeof columns> = {
  prompt: 'instruction',
  query: 'input',
  response: 'output',
  messages: 'conversations',
};

/** The same of `tags`. */
const TAGS: z.output<typeof tags> = {
  role_tag: 'from',
  content_tag: 'value',
  user_tag: 'human',
  assistant_tag: 'gpt',
  observation_tag: 'observation',
  function_tag: 'function_call',
  system_tag: 'system',
};

/** A source as a description has it, and what of it is done otherwise. */
export interface DescribedSource {
  readonly source: Described;
  /** For the person; undefined where all is as LLaMA-Factory does it. */
  readonly remark?: string | undefined;
}

/**
 * The source that `wanted` is in a file of descriptions.
 *
 * @param file an absolute path
 * @throws EvolveError DATA_FILE or DATA_UNKNOWN that says in one line what is wrong, or which part evolve cannot read
 */
export function readDescription(file: string, wanted: string): DescribedSource {
  const refuse = (message: string, advice = ''): never => {
    throw new EvolveError('DATA_UNKNOWN', `${displayPath(file)}: ${wanted}${message}`, advice);
  };
  const all = readAll(file);
  const given = Object.hasOwn(all, wanted) ? all[wanted] : undefined;
  if (given === undefined)
    return refuse(`: there is no description of this name${suggest(wanted, Object.keys(all))}`);
  const { data, error } = description.safeParse(given);
  if (!data) {
    const faults = error.issues.map(({ path: keys, message }) => [...keys, message].join(': '));
    return refuse(`: ${faults.join('; ')}`);
  }
  for (const key of Object.keys(data)) {
    const hint = Object.hasOwn(description.shape, key) ? '' : suggest(key, Object.keys(description.shape));
    if (hint) refuse(`: unknown key "${key}"${hint}`);
  }
  const names = data.columns ?? COLUMNS;
  const why = unread(data, names);
  if (why) return refuse(`: ${why}`);
  const [, split, most] = /^([\w.-]+)(?:\[:(\d+)\])?$/.exec(data.split) ?? [];
  if (split === undefined)
    return refuse(
      `: split: ${data.split} is a part that is not read`,
      'What is read is split: train, or its first rows, split: train[:1000].',
    );
  const limits = [data.num_samples, most === undefined ? undefined : Number(most)].filter(
    (n) => typeof n === 'number',
  );
  const source: Described = {
    format: 'dataset-info',
    ...placeOf(data, split, file, refuse),
    ...readingOf(data, names),
    ...(limits.length > 0 && { limit: Math.min(...limits) }),
  };
  if (typeof data.num_samples !== 'number') return { source };
  const remark = `${wanted}: num_samples takes the first ${data.num_samples} records here; LLaMA-Factory draws as many at random`;
  return { source, remark };
}

function readAll(file: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    const message = `${displayPath(file)}: cannot be read as a dataset_info.json: ${messageOf(cause)}`;
    throw new EvolveError('DATA_FILE', message, 'It is a JSON file of descriptions by name.', { cause });
  }
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
    return parsed as Record<string, unknown>;
  throw new EvolveError(
    'DATA_FILE',
    `${displayPath(file)}: is no dataset_info.json`,
    'It is a JSON file of descriptions by name.',
  );
}

/** What of a description evolve does not read; undefined if it reads all. */
function unread(
  { formatting, ranking, columns: named, tags: given }: Description,
  names: z.output<typeof columns>,
): string | undefined {
  const media = (['images', 'videos', 'audios'] as const).filter((column) => names[column]);
  if (media.length > 0) return `it has ${media.join(' and ')}, which evolve does not train on: texts alone`;
  if (names.kto_tag)
    return 'kto_tag says of each answer alone whether it is good, for KTO, which evolve does not do';
  const keys = (['role_tag', 'content_tag'] as const).filter((tag) => given && !given[tag]);
  if (formatting === 'sharegpt' && keys.length > 0)
    return `its tags name no ${keys.join(' and ')}; once tags are there, none has a default`;
  if (formatting === 'openai')
    return 'formatting: openai adds words of its own to the system text; { path: FILE, format: chat } reads such messages';
  if (ranking && !(names.chosen && names.rejected))
    return 'it is ranking, but names no columns chosen and rejected, without which LLaMA-Factory does not read it either';
  if (formatting === 'sharegpt' && !names.messages)
    return 'its columns name no messages, without which formatting: sharegpt has nothing to read';
  if (formatting === 'alpaca' && !names.prompt && !names.query)
    return `its columns name neither prompt nor query${named?.messages ? '; with messages it is formatting: sharegpt' : ''}`;
  return undefined;
}

/** Where its data is. Of several places LLaMA-Factory takes the first of this order. */
function placeOf(
  { hf_hub_url, ms_hub_url, om_hub_url, script_url, cloud_file_name, file_name, subset, folder }: Description,
  split: string,
  file: string,
  refuse: (message: string, advice?: string) => never,
): Pick<Described, 'path' | 'hub'> {
  if (hf_hub_url)
    return {
      hub: { name: hf_hub_url, split, ...(subset && { subset }), ...(folder && { files: [folder] }) },
    };
  const elsewhere = ms_hub_url ? 'ModelScope' : om_hub_url ? 'openMind' : undefined;
  if (elsewhere)
    return refuse(
      `: it is on ${elsewhere} alone, which evolve does not ask`,
      'Fetch its files, and name them as file_name.',
    );
  if (script_url) return refuse(': script_url names a program that makes its records, which is not run');
  if (cloud_file_name) return refuse(': cloud_file_name lies in a cloud storage, which evolve does not ask');
  if (!file_name) return refuse(': it says neither file_name nor hf_hub_url: where its data is');
  if (split !== 'train') return refuse(`: a file has the split train alone, and not "${split}"`);
  const place = resolvePath(path.dirname(file), file_name);
  if (!existsSync(place)) return refuse(`: there is no file ${displayPath(place)}`);
  return { path: place };
}

/** The columns and tags as the format `dataset-info` takes them. */
function readingOf(
  { formatting, ranking, tags: given }: Description,
  names: z.output<typeof columns>,
): Pick<Described, 'columns' | 'roles'> {
  const isChat = formatting === 'sharegpt';
  const read = [
    ...(isChat ? ['messages'] : ['prompt', 'query', 'history']),
    ...(ranking ? ['chosen', 'rejected'] : isChat ? [] : ['response']),
    ...['system', 'tools'],
  ] as (keyof typeof names)[];
  const found = Object.fromEntries(
    read.flatMap((column) => (names[column] ? [[column, names[column]]] : [])),
  );
  if (!isChat) return { columns: found };
  const { role_tag, content_tag, user_tag, assistant_tag, observation_tag, function_tag, system_tag } =
    given ?? TAGS;
  const roles = [
    [user_tag, 'user'],
    [assistant_tag, 'assistant'],
    [observation_tag, 'tool'],
    [function_tag, 'calls'],
    [system_tag, 'system'],
  ].flatMap(([tag, role]) => (tag ? [[tag, role]] : []));
  return {
    columns: { ...found, role: role_tag ?? 'from', content: content_tag ?? 'value' },
    roles: Object.fromEntries(roles),
  };
}
