/** `evolve report DIR…`: runs as one page that a browser shows, and that needs nothing else. */

import { closeSync, existsSync, openSync, readSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { EvolveError, messageOf } from '../base/errors.js';
import { displayPath, resolvePath } from '../base/paths.js';
import { printable } from '../base/printable.js';
import { formatSize } from '../base/quantities.js';
import { findRuns } from '../report/find-runs.js';
import { generatorTag } from '../report/html.js';
import { GENERATOR, reportPage } from '../report/page.js';
import { isRun, type RunRecord, readRun } from '../report/run-record.js';

interface ReportOptions {
  readonly output?: string;
  readonly json?: true;
}

/** So many runs are named where a folder holds some and is none. */
const MOST_NAMED = 3;
/** A report says within so many bytes that it is one. */
const HEAD_BYTES = 2000;

export function reportCommand(given: readonly string[], { output, json }: ReportOptions): void {
  const folders = [...new Set(given.map((folder) => resolvePath('', folder)))];
  const runs = folders.map(runOf);
  const file = resolvePath(
    '',
    output ?? (runs.length === 1 ? path.join(folders[0], 'report.html') : 'report.html'),
  );
  refuseOthers(file);
  const page = Buffer.from(reportPage(runs));
  writeWhole(file, page);
  const faults = runs.flatMap((run) => run.faults);
  for (const fault of faults) process.stderr.write(`evolve: ${printable(fault)}\n`);
  const event = { type: 'done', output: file, bytes: page.length, faults };
  const text = `${displayPath(file)}: ${formatSize(page.length)}`;
  process.stdout.write(`${json ? JSON.stringify(event) : text}\n`);
}

function runOf(folder: string): RunRecord {
  const within = isRun(folder) ? [] : findRuns(folder);
  if (within.length === 0) return readRun(folder);
  const named = within.slice(0, MOST_NAMED).map(displayPath).join(' ');
  const rest = within.length > MOST_NAMED ? ' …' : '';
  const message = `${displayPath(folder)} is no run, but holds ${within.length === 1 ? 'one' : `${within.length}`}`;
  throw new EvolveError('MODEL_UNKNOWN', message, `Name the runs: evolve report ${named}${rest}`);
}

/** A report is written again; what else has this name is a person's. */
function refuseOthers(file: string): void {
  if (!existsSync(file)) return;
  const isReport = headOf(file).includes(generatorTag(GENERATOR));
  if (isReport) return;
  const message = `--output ${displayPath(file)}: there is something else, which is no report`;
  throw new EvolveError('OUTPUT_FOLDER', message, 'Name another file with --output.');
}

function headOf(file: string): string {
  try {
    const descriptor = openSync(file, 'r');
    try {
      const bytes = Buffer.alloc(HEAD_BYTES);
      return bytes.toString('utf8', 0, readSync(descriptor, bytes));
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return '';
  }
}

function writeWhole(file: string, bytes: Uint8Array): void {
  const partial = `${file}.${process.pid}.partial`;
  try {
    writeFileSync(partial, bytes);
    renameSync(partial, file);
  } catch (cause) {
    rmSync(partial, { force: true });
    const message = `the report cannot be written to ${displayPath(file)}: ${messageOf(cause)}`;
    throw new EvolveError('WRITE_FAILED', message, 'Name another file with --output.', { cause });
  }
}
