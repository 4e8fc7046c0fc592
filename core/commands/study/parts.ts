/**
 * The data of a study: each source is parted once into rows for training and rows held out. What is drawn follows from the
 * study's seed and the data alone. The name of a file has a hash of what is in it, so that a run on other rows is another run.
 */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { Breath } from '../../base/breath.js';
import { EvolveError } from '../../base/errors.js';
import { deriveSeed, Random } from '../../base/random.js';
import type { RunConfig } from '../../config/load.js';
import type { DataSource, Example } from '../../contracts/dataset.js';
import { recordOf, tableOf } from '../data/record-shapes.js';
import { openRecordWriter } from '../data/record-writer.js';
import { type OpenData, openData } from '../data/source.js';
import type { HeldOutSet, Study } from './study-file.js';

/** What the runs of a study learn from, and what they are measured on. */
export interface Parts {
  /** Of each source of the study: an entry of `data.sources` with its rows for training. */
  readonly training: Readonly<Record<string, TrainingSource>>;
  /** The name of a set -> its file. */
  readonly sets: Readonly<Record<string, string>>;
  readonly counts: Readonly<Record<string, Counts>>;
}

/** An entry of `data.sources`. */
interface TrainingSource {
  readonly path: string;
  readonly format?: string;
  readonly language?: string;
}

/** What reads the records of each kind, as they are written here. */
const FORMATS: Readonly<Record<Example['kind'], string>> = {
  instruction: 'instruct',
  turns: 'chat',
  text: 'text',
  preference: 'preference',
  tokens: 'tokens',
};

export interface Counts {
  readonly training: number;
  readonly heldOut: number;
  /** Rows that ask what a held-out row asks: they are in neither. */
  readonly leftOut: number;
}

/** @throws EvolveError DATA_EMPTY where a source is too small, and all that reading data throws */
export async function partData(study: Study, config: RunConfig, signal: AbortSignal): Promise<Parts> {
  const data = await openData(
    Object.values(study.sources),
    { edition: config.data.edition, plugin: config.plugins },
    { told: toldOnce(), signal },
  );
  const sourcesOf = (i: number) => data.sources.filter(({ index }) => index === i);
  const names = Object.keys(study.sources);
  const held = new Map<string, Example[]>();
  const small: string[] = [];
  for (const [i, name] of names.entries()) {
    const { drawn, count } = await drawRows(data, sourcesOf(i), study, name);
    held.set(name, drawn);
    if (count <= study.heldOut.rows || drawn.length < study.heldOut.rows)
      small.push(
        `${study.locate(['sources', name])}: ${name} has ${count} rows: too few to hold out ${study.heldOut.rows} different questions (heldOut.rows) and train on others`,
      );
  }
  if (small.length > 0)
    throw new EvolveError('DATA_EMPTY', small.join('\n'), 'Hold fewer rows out, or name more data.');
  const files = new PartFiles(path.join(study.output, 'data'), signal);
  const isHeld = new Set([...held.values()].flat().map(questionIn));
  const training: Record<string, TrainingSource> = {};
  const counts: Record<string, Counts> = {};
  for (const [i, name] of names.entries()) {
    const own = trainingRows(data, sourcesOf(i), isHeld);
    const { file, count, read, languages, kinds } = await files.write(`${name}-train`, own);
    const heldOut = held.get(name)?.length ?? 0;
    if (count === 0)
      throw new EvolveError(
        'DATA_EMPTY',
        `${name}: all its rows ask what a held-out row asks, so that none is left to train on`,
        'Hold fewer rows out, or name other data.',
      );
    training[name] = {
      path: file,
      ...(kinds.length === 1 && { format: FORMATS[kinds[0]] }),
      ...(languages.length === 1 && { language: languages[0] }),
    };
    counts[name] = { training: count, heldOut, leftOut: read - count - heldOut };
  }
  const sets: Record<string, string> = {};
  for (const [name, set] of Object.entries(study.heldOut.sets)) {
    const asked = (held.get(set.of) ?? []).map((example) => askedBy(example, set, name));
    sets[name] = (await files.write(name, asked)).file;
  }
  return { training, sets, counts };
}

/** Standard error, without what was told already: each source is read twice. */
function toldOnce(): { write(text: string): void } {
  const told = new Set<string>();
  return {
    write(text) {
      if (!told.has(text)) process.stderr.write(text);
      told.add(text);
    },
  };
}

/** Held-out rows of a source, in the order of the data: each row has the same chance (reservoir sampling). */
async function drawRows(
  { examplesOf }: OpenData,
  sources: readonly DataSource[],
  { heldOut: { rows, seed } }: Study,
  name: string,
): Promise<{ drawn: Example[]; count: number }> {
  const random = new Random(deriveSeed(seed, `held-out ${name}`));
  const drawn: { at: number; example: Example }[] = [];
  const asked = new Set<string>();
  let count = 0;
  for (const source of sources)
    for await (const example of examplesOf(source)) {
      count++;
      if (asked.has(questionIn(example))) continue;
      const place = drawn.length < rows ? drawn.length : Math.floor(random.next() * count);
      if (place >= rows) continue;
      const [left] = drawn.splice(place, 1, { at: count, example });
      if (left) asked.delete(questionIn(left.example));
      asked.add(questionIn(example));
    }
  return { drawn: drawn.sort((a, b) => a.at - b.at).map(({ example }) => example), count };
}

async function* trainingRows(
  { examplesOf }: OpenData,
  sources: readonly DataSource[],
  isHeld: ReadonlySet<string>,
): AsyncGenerator<Example | undefined> {
  for (const source of sources)
    for await (const example of examplesOf(source))
      yield isHeld.has(questionIn(example)) ? undefined : example;
}

/** What an example asks, without what is written in several ways. */
function questionIn(example: Example): string {
  const plain = (text: string) => text.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim();
  switch (example.kind) {
    case 'instruction':
      return plain(`${example.instruction}\n${example.input}`);
    case 'turns':
      return plain(example.turns.flatMap(({ role, content }) => (role === 'user' ? content : [])).join('\n'));
    case 'text':
      return plain(example.text);
    case 'tokens':
      return example.inputIds.join(' ');
    case 'preference': {
      const { prompt } = example;
      return plain(
        'turns' in prompt
          ? prompt.turns.map(({ content }) => content).join('\n')
          : `${prompt.instruction}\n${prompt.input}`,
      );
    }
  }
}

/** The example as a set asks it. */
function askedBy(example: Example, { remove, ask }: HeldOutSet, set: string): Example {
  const isPlain = remove.length === 0 && ask === '{instruction}';
  if (isPlain) return example;
  if (example.kind !== 'instruction') {
    const message = `heldOut.sets.${set}: remove and ask are for instructions, and a row is of another kind: ${example.kind}`;
    throw new EvolveError('CONFIG_INVALID', message, 'Leave them out.');
  }
  const bare = remove.reduce((text, part) => text.replaceAll(part, ''), example.instruction).trim();
  return { ...example, instruction: ask.replaceAll('{instruction}', () => bare) };
}

class PartFiles {
  constructor(
    private readonly folder: string,
    private readonly signal: AbortSignal,
  ) {}

  /** Writes examples to a file. `undefined` is one that is left out. */
  async write(
    name: string,
    examples: AsyncIterable<Example | undefined> | Iterable<Example | undefined>,
  ): Promise<{ file: string; count: number; read: number; languages: string[]; kinds: Example['kind'][] }> {
    const slug = name.replace(/[^\p{L}\p{N}._-]+/gu, '-');
    const temporary = path.join(this.folder, `.${slug}.${process.pid}.jsonl`);
    await mkdir(this.folder, { recursive: true });
    await rm(temporary, { force: true });
    const writer = await openRecordWriter(temporary, tableOf, this.signal);
    const breath = new Breath(this.signal);
    const languages = new Set<string | undefined>();
    const kinds = new Set<Example['kind']>();
    let [count, read] = [0, 0];
    try {
      for await (const example of examples) {
        read++;
        if (example === undefined) continue;
        count++;
        languages.add(example.language);
        kinds.add(example.kind);
        await writer.write(partRecord(example));
        if (breath.isDue) await breath.take();
      }
      await writer.finish();
    } catch (error) {
      await writer.abandon();
      throw error;
    }
    const file = path.join(this.folder, `${slug}-${await hashOf(temporary)}.jsonl`);
    await rename(temporary, file);
    const said = [...languages].filter((language) => language !== undefined);
    return { file, count, read, languages: languages.size === said.length ? said : [], kinds: [...kinds] };
  }
}

/** As `evolve data convert` writes it, with the part of an answer that reasons. */
function partRecord(example: Example): object {
  if (example.kind !== 'instruction') return recordOf(example, 'messages');
  const { rationale } = example;
  return { ...recordOf(example, 'instructions'), ...(rationale && { rationaleSpan: rationale }) };
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const bytes of createReadStream(file)) hash.update(bytes);
  return hash.digest('hex').slice(0, 10);
}
