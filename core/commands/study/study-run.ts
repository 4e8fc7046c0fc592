/** One run of a study: trained, measured and asked, each in a process of its own. What is done already is kept. */

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { holderOf } from '../../base/lock.js';
import { displayPath } from '../../base/paths.js';
import { loadConfig, type RunConfig } from '../../config/load.js';
import { fingerprintOfModel } from '../../run/checkpoints/fingerprint.js';
import type { Parts } from './parts.js';
import { CommandFailure, type JsonEvent, runEvolve } from './process.js';
import type { Question, Study } from './study-file.js';
import { assignment, type Use, type Variant } from './variants.js';

/** What is known of a run that is done. */
export interface RunOutcome {
  readonly variant: string;
  readonly seed: number;
  /** Its folder. */
  readonly run: string;
  /** Of a set: a measure -> its value. */
  readonly sets: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly answers: readonly (Question & { readonly output: string })[];
  readonly seconds: number;
}

interface Setting {
  readonly study: Study;
  readonly parts: Parts;
  readonly device: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Does what is left to do of a run.
 *
 * @param tell hears what is done now
 * @param notice hears what a person should know
 * @returns the outcome, and whether it was there already
 */
export async function doRun(
  { study, parts, device, signal }: Setting,
  variant: Variant,
  seed: number,
  tell: (doing: string) => void,
  notice: (message: string) => void,
): Promise<{ outcome: RunOutcome; isKept: boolean }> {
  const name = `${variant.slug}-${seed}`;
  const folder = path.join(study.output, name);
  const sets = [...variant.set, ['data.sources', sourcesOf(variant.uses, parts)] as const];
  const set = [...sets, ['train.seed', seed] as const].map(assignment);
  const overrides = { set, output: folder, ...(device !== undefined && { device }) };
  const { config } = await loadConfig(study.run, overrides);
  const metrics = metricsOf(study);
  const trained = hashOf({ config, model: await modelOf(config) });
  const measured = hashOf({ sets: parts.sets, metrics, questions: study.questions });
  const file = path.join(study.output, 'results', `${name}.json`);
  const record = recordIn(file);
  const state = stateOf(folder, record?.trained === trained);
  if (state === 'completed' && record?.outcome && record.measured === measured)
    return { outcome: record.outcome, isKept: true };
  if (state === 'other') {
    // Before the study says that the folder is this run's: it may be broken off in between.
    const aside = await movedAside(folder);
    notice(`settings, data or base model are others than in ${displayPath(aside)}: done anew`);
  }
  await writeWhole(file, `${JSON.stringify({ trained })}\n`);
  if (state !== 'completed') {
    const args = ['run', study.run, ...set.flatMap((each) => ['--set', each]), '--output', folder];
    if (device !== undefined) args.push('--device', device);
    if (state === 'begun') args.push('--resume');
    tell('begins');
    await runEvolve(args, signal, (event) => {
      if (event.type === 'step') tell(`step ${event.step}, loss ${Number(event.loss).toFixed(4)}`);
      if (event.type === 'notice') notice(String(event.message));
    });
  }
  tell('is measured');
  const evaluated = await runEvolve(evaluation(folder, parts, metrics, device), signal);
  tell('is asked');
  const answers = await answersOf(study, folder, device, signal);
  const result = JSON.parse(readFileSync(path.join(folder, 'run.json'), 'utf8')) as { seconds: number };
  const outcome: RunOutcome = {
    variant: variant.name,
    seed,
    run: folder,
    sets: measuresOf(evaluated, parts),
    answers,
    seconds: result.seconds,
  };
  await writeWhole(file, `${JSON.stringify({ trained, measured, outcome }, null, 2)}\n`);
  return { outcome, isKept: false };
}

function sourcesOf(uses: readonly Use[], { training }: Parts): object[] {
  return uses.map(({ name, share }) => ({ ...training[name], ...share }));
}

/** `begun`: the run of this configuration goes on. `other`: the folder holds another run. */
function stateOf(folder: string, isSame: boolean): 'none' | 'begun' | 'completed' | 'other' {
  if (!existsSync(path.join(folder, 'config.yaml'))) return 'none';
  if (!isSame) return 'other';
  try {
    const { status } = JSON.parse(readFileSync(path.join(folder, 'run.json'), 'utf8')) as { status: unknown };
    return status === 'completed' || status === 'stopped' ? 'completed' : 'begun';
  } catch {
    return 'begun';
  }
}

/** Gives the folder of an earlier run another name. @returns its path */
async function movedAside(folder: string): Promise<string> {
  const holder = holderOf(folder);
  if (holder) throw new CommandFailure(`process ${holder.pid} still writes into ${displayPath(folder)}`);
  let number = 1;
  while (existsSync(`${folder}.${number}`)) number++;
  await rename(folder, `${folder}.${number}`);
  return `${folder}.${number}`;
}

/** The metrics of the study, with every held-out question asked where nothing else is said. */
function metricsOf(study: Study): readonly unknown[] {
  const asked = Object.keys(study.heldOut.sets).length * study.heldOut.rows;
  return study.metrics ?? ['exact-match', 'answer-language'].map((name) => ({ name, limit: asked }));
}

function evaluation(
  folder: string,
  { sets }: Parts,
  metrics: readonly unknown[],
  device: string | undefined,
): string[] {
  return [
    ...['evaluate', '--run', folder],
    ...Object.values(sets).flatMap((file) => ['--data', file]),
    ...metrics.flatMap((metric) => ['--metric', JSON.stringify(metric)]),
    ...(device === undefined ? [] : ['--device', device]),
  ];
}

/** Of each set its own part of what was measured. */
function measuresOf(events: readonly JsonEvent[], { sets }: Parts): RunOutcome['sets'] {
  const measured = events.find(({ type }) => type === 'evaluation') ?? {};
  const names = Object.keys(sets);
  const isNumber = (entry: [string, unknown]): entry is [string, number] => typeof entry[1] === 'number';
  const numbers = Object.entries(measured).filter(isNumber);
  return Object.fromEntries(
    names.map((name) => {
      const group = `/bySource/${displayPath(sets[name])}`;
      const own =
        names.length === 1
          ? numbers.filter(([key]) => !/\/|Stderr$|^shots$|^rows$/.test(key))
          : numbers.flatMap(([key, value]): [string, number][] =>
              key.endsWith(group) ? [[key.slice(0, -group.length), value]] : [],
            );
      const losses = (measured.bySource ?? {}) as Record<string, { loss: number } | undefined>;
      const loss = losses[displayPath(sets[name])]?.loss;
      return [name, { ...(loss !== undefined && { evalLoss: loss }), ...Object.fromEntries(own) }];
    }),
  );
}

async function answersOf(
  { questions, output }: Study,
  folder: string,
  device: string | undefined,
  signal: AbortSignal,
): Promise<RunOutcome['answers']> {
  if (questions.length === 0) return [];
  const file = path.join(output, 'data', 'questions.json');
  await writeWhole(file, `${JSON.stringify(questions, null, 2)}\n`);
  const args = ['generate', '--run', folder, '--input-file', file];
  const events = await runEvolve([...args, ...(device === undefined ? [] : ['--device', device])], signal);
  return events.flatMap(({ instruction, input, output: text }) =>
    typeof text === 'string'
      ? [{ instruction: String(instruction), input: String(input), output: text }]
      : [],
  );
}

function hashOf(value: object): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

/** A fingerprint of the base model's files; empty of a model of a hub, whose name says which it is. */
async function modelOf({ model }: RunConfig): Promise<string> {
  return path.isAbsolute(model.path) ? fingerprintOfModel(model.path) : '';
}

/** What the study keeps of a run. */
interface Kept {
  /** A hash of what was trained, and of what it was measured on. */
  readonly trained: string;
  readonly measured?: string;
  readonly outcome?: RunOutcome;
}

function recordIn(file: string): Kept | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Kept;
  } catch {
    return undefined;
  }
}

/** Writes a file that has its name when it is whole. */
export async function writeWhole(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  await writeFile(temporary, text);
  await rename(temporary, file);
}
