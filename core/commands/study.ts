/** `evolve study FILE`: all runs of a study, what is left of them, and the table of what they are worth. */

import path from 'node:path';
import { EvolveError, messageOf } from '../base/errors.js';
import { tryLock, unlock } from '../base/lock.js';
import { displayPath } from '../base/paths.js';
import { printable } from '../base/printable.js';
import { catchInterruption } from './interruption.js';
import { htmlPage, markdownPage, type StudyReport } from './study/pages.js';
import { type Parts, partData } from './study/parts.js';
import { CommandFailure } from './study/process.js';
import { StatusLine } from './study/status-line.js';
import { readStudy, type Study } from './study/study-file.js';
import { doRun, type RunOutcome, writeWhole } from './study/study-run.js';
import { legendOf, tablesOf, tableText } from './study/tables.js';
import { type Variant, variantsOf } from './study/variants.js';

interface StudyOptions {
  readonly output?: string;
  readonly device?: string;
  readonly dryRun?: true;
  readonly json?: true;
}

interface Failed {
  readonly variant: string;
  readonly seed: number;
  readonly message: string;
}

export async function studyCommand(file: string, options: StudyOptions): Promise<void> {
  const { json } = options;
  const study = await readStudy(file, options.output);
  const variants = await variantsOf(study, options.device);
  // All variants have each seed before the next one begins: a study that is broken off compares like with like.
  const planned = study.seeds.flatMap((seed) => variants.map((variant) => ({ variant, seed })));
  const write: Write = (event, text) => {
    if (json) process.stdout.write(`${JSON.stringify(event)}\n`);
    else if (text !== undefined) process.stdout.write(printable(`${text}\n`));
  };
  if (options.dryRun) {
    for (const { variant, seed } of planned)
      write({ type: 'planned', variant: variant.name, seed }, `${variant.name}, seed ${seed}`);
    const { length } = planned;
    write({ type: 'done', runs: length }, `${length} runs, into ${displayPath(study.output)}`);
    return;
  }
  const { signal } = catchInterruption();
  const holder = await tryLock(study.output);
  if (holder) {
    const message = `${displayPath(study.output)}: process ${holder.pid} is at this study`;
    throw new EvolveError('OUTPUT_FOLDER', message, 'Wait for it, or name another folder with --output.');
  }
  try {
    await doAll(study, variants, planned, options, signal, write);
  } finally {
    await unlock(study.output);
  }
}

/** Tells the person an event: as JSON, or in words where there are any. */
type Write = (event: object, text?: string) => void;

interface Planned {
  readonly variant: Variant;
  readonly seed: number;
}

async function doAll(
  study: Study,
  variants: readonly Variant[],
  planned: readonly Planned[],
  { device }: StudyOptions,
  signal: AbortSignal,
  write: Write,
): Promise<void> {
  const status = new StatusLine();
  const told = new Set<string>();
  const parts = await partData(study, variants[0].config, signal);
  for (const note of notesOf(parts)) write({ type: 'notice', message: note }, note);
  const outcomes: RunOutcome[] = [];
  const failed: Failed[] = [];
  try {
    for (const [i, { variant, seed }] of planned.entries()) {
      const name = `${variant.name}, seed ${seed}`;
      const place = `[${i + 1}/${planned.length}] ${name}`;
      const notice = (message: string) => {
        // What is so of all runs is told once.
        if (told.has(message)) return;
        told.add(message);
        status.clear();
        write({ type: 'notice', variant: variant.name, seed, message }, `${name}: ${message}`);
      };
      try {
        const setting = { study, parts, device, signal };
        const tell = (doing: string) => status.show(`${place}: ${doing}`);
        const { outcome, isKept } = await doRun(setting, variant, seed, tell, notice);
        outcomes.push(outcome);
        status.clear();
        const how = isKept ? 'is done already' : `done, trained in ${outcome.seconds.toFixed(0)} s`;
        write({ type: 'run', isKept, ...outcome }, `${place}: ${how}`);
      } catch (error) {
        if (!(error instanceof CommandFailure)) throw error;
        status.clear();
        failed.push({ variant: variant.name, seed, message: error.message });
        write({ type: 'failed', ...failed.at(-1) }, `${place}: failed: ${error.message}`);
      }
    }
  } catch (error) {
    status.clear();
    if (!(error instanceof EvolveError && error.code === 'INTERRUPTED')) throw error;
    const advice = `${outcomes.length} of ${planned.length} runs are done. The same command goes on.`;
    throw new EvolveError('INTERRUPTED', messageOf(error), advice, { cause: error });
  }
  await finish({ study, variants, parts, outcomes, failed }, write);
}

interface Found {
  readonly study: Study;
  readonly variants: readonly Variant[];
  readonly parts: Parts;
  readonly outcomes: readonly RunOutcome[];
  readonly failed: readonly Failed[];
}

/** Writes study.json and the pages, and tells the table. @throws EvolveError if a run failed */
async function finish({ study, variants, parts, outcomes, failed }: Found, write: Write): Promise<void> {
  const names = variants.map(({ name }) => name);
  const tables = tablesOf(outcomes, names, Object.keys(parts.sets));
  const legend = legendOf(study.heldOut.rows, study.seeds.length);
  const notes = notesOf(parts);
  const faults = failed.map(({ variant, seed, message }) => `${variant}, seed ${seed}: ${message}`);
  const answers = outcomes.filter(({ seed }) => seed === study.seeds[0]);
  const report: StudyReport = { name: study.name, tables, legend, answers, notes, faults };
  const at = (name: string) => path.join(study.output, name);
  const { seeds, heldOut } = study;
  const all = { name: study.name, seeds, heldOut, rows: parts.counts, tables, runs: outcomes, failed };
  await writeWhole(at('study.json'), `${JSON.stringify(all, null, 2)}\n`);
  await writeWhole(at('study.md'), markdownPage(report));
  await writeWhole(at('study.html'), htmlPage(report));
  if (outcomes.length > 0)
    write({ type: 'table', tables }, `\n${tableText(tables, legend)}\n${displayPath(at('study.html'))}`);
  if (faults.length === 0) return write({ type: 'done', output: study.output, runs: outcomes.length });
  const advice = 'The same command does again what failed, and keeps the rest.';
  throw new EvolveError('STUDY_FAILED', faults.join('\n'), advice);
}

function notesOf({ counts }: Parts): string[] {
  return Object.entries(counts).map(([name, { training, heldOut, leftOut }]) => {
    const left = leftOut > 0 ? `, ${leftOut} left out that ask what a held-out row asks` : '';
    return `${name}: ${training} rows to train on, ${heldOut} held out${left}`;
  });
}
