/** `evolve runs [DIR]`: the runs below a folder, with their state and what they reached. */

import { existsSync, statSync } from 'node:fs';
import { EvolveError } from '../base/errors.js';
import { displayPath, resolvePath } from '../base/paths.js';
import { printable } from '../base/printable.js';
import { formatDuration } from '../base/quantities.js';
import { formatMoment } from '../report/facts.js';
import { DEPTH, findRuns } from '../report/find-runs.js';
import { type RunRecord, type RunState, readRun } from '../report/run-record.js';

/** What `evolve runs --json` writes of a run. */
interface RunLine {
  readonly type: 'run';
  readonly path: string;
  readonly state: RunState;
  readonly step: number;
  /** Of the whole run; null where nothing tells. */
  readonly steps: number | null;
  readonly loss: number | null;
  /** Of the held-out rows, before the first step and last. */
  readonly baseLoss: number | null;
  readonly evalLoss: number | null;
  readonly startedAt: string;
  readonly seconds: number;
  /** What of its files cannot be read. */
  readonly faults: readonly string[];
}

interface Column {
  readonly head: string;
  readonly of: (line: RunLine) => string;
  /** Where a terminal is too narrow for all, columns with lower numbers come first; those of 0 are always there. */
  readonly rank: number;
}

const GAP = '  ';
const loss = (value: number | null) => value?.toFixed(3) ?? '–';
const COLUMNS: readonly Column[] = [
  { head: 'RUN', of: ({ path }) => printable(displayPath(path)), rank: 0 },
  { head: 'STATE', of: ({ state }) => state, rank: 0 },
  { head: 'STEP', of: ({ step, steps }) => `${step}${steps === null ? '' : `/${steps}`}`, rank: 1 },
  { head: 'LOSS', of: (line) => loss(line.loss), rank: 3 },
  {
    head: 'HELD-OUT',
    of: ({ baseLoss, evalLoss }) =>
      evalLoss === null ? loss(baseLoss) : `${loss(baseLoss)} -> ${loss(evalLoss)}`,
    rank: 2,
  },
  { head: 'STARTED', of: ({ startedAt }) => formatMoment(new Date(startedAt)), rank: 4 },
  { head: 'TOOK', of: ({ seconds }) => formatDuration(seconds), rank: 5 },
];

/** The newest run comes last, next to the prompt. @param given `runs` unless it is given, where runs go by default */
export function runsCommand(given: string | undefined, { json }: { readonly json?: true }): void {
  const folder = resolvePath('', given ?? 'runs');
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    const what = existsSync(folder) ? 'is no folder' : 'is not there';
    const message = `${displayPath(folder)} ${what}`;
    throw new EvolveError('COMMAND_LINE', message, 'Name the folder that runs went to: evolve runs DIR');
  }
  const lines = findRuns(folder)
    .map((run) => lineOf(readRun(run)))
    .sort((a, b) => a.startedAt.localeCompare(b.startedAt) || a.path.localeCompare(b.path));
  if (json) {
    for (const line of lines) process.stdout.write(`${JSON.stringify(line)}\n`);
    return;
  }
  if (lines.length === 0)
    process.stdout.write(`there is no run in ${displayPath(folder)}, ${DEPTH} folders deep\n`);
  else process.stdout.write(table(lines, process.stdout.isTTY ? process.stdout.columns : undefined));
  for (const { faults } of lines)
    for (const fault of faults) process.stderr.write(`evolve: ${printable(fault)}\n`);
}

function lineOf({
  folder,
  state,
  steps,
  evaluations,
  totalSteps,
  startedAt,
  seconds,
  faults,
}: RunRecord): RunLine {
  const last = steps.at(-1);
  const numberOr = (value: unknown) => (typeof value === 'number' ? value : null);
  return {
    type: 'run',
    path: folder,
    state,
    step: last?.step ?? 0,
    steps: totalSteps ?? null,
    loss: numberOr(last?.loss),
    baseLoss: numberOr(evaluations.find(({ step }) => step === 0)?.evalLoss),
    evalLoss: numberOr(evaluations.filter(({ step }) => step > 0).at(-1)?.evalLoss),
    startedAt: startedAt.toISOString(),
    seconds: Math.round(seconds),
    faults,
  };
}

/** @param columns those of the terminal; undefined where output is piped */
function table(lines: readonly RunLine[], columns = Number.POSITIVE_INFINITY): string {
  const all = COLUMNS.map((column) => ({
    ...column,
    width: Math.max(column.head.length, ...lines.map((line) => column.of(line).length)),
  }));
  const shown = new Set<Column>();
  let width = -GAP.length;
  for (const column of [...all].sort((one, other) => one.rank - other.rank)) {
    if (column.rank > 0 && width + GAP.length + column.width >= columns) continue;
    shown.add(column);
    width += GAP.length + column.width;
  }
  const [taken, left] = [true, false].map((is) => all.filter((column) => shown.has(column) === is));
  const row = (textOf: (column: Column) => string) =>
    `${taken
      .map((column) => textOf(column).padEnd(column.width))
      .join(GAP)
      .trimEnd()}\n`;
  const names = left.map(({ head }) => head.toLowerCase()).join(', ');
  const note = names === '' ? '' : `(no room for: ${names}; --json has all)\n`;
  return row(({ head }) => head) + lines.map((line) => row(({ of }) => of(line))).join('') + note;
}
