/** The curves of runs, one chart a subject. Of one run the lines have the colours of what they are, of several those of the runs. */

import { formatCount } from '../base/quantities.js';
import type { ChartData, LineData } from './chart-data.js';
import type { StepLine } from './json-lines.js';
import type { RunRecord } from './run-record.js';
import { decimated, type Points, pointsOf, shortNumber, trailingMean } from './series.js';

/** A line has at most so many points: more cannot be seen. */
const MOST_POINTS = 2000;
/** All lines of a page have about so many at most: it stays below 2 MB. */
const MOST_POINTS_OF_ALL = 60_000;
const FEWEST_POINTS = 100;
/** A mean is one over this share of the run's lines, and over so many lines at least; of fewer lines than this none is made. */
const WINDOWS = 50;
const FEWEST_OF_A_MEAN = 5;
const FEWEST_FOR_MEANS = 25;
/** Numbers whose largest is so many times the smallest are drawn on a logarithmic axis. */
const WIDE_RANGE = 50;

/** A line before it is known how many there are. */
interface Line {
  readonly run: number;
  /** What it is; of one run it is told and coloured by this. */
  readonly what: string;
  readonly detail: string;
  readonly kind: LineData['kind'];
  readonly points: Points;
}

interface Chart extends Pick<ChartData, 'title' | 'note' | 'format'> {
  readonly mayBeLogarithmic?: boolean;
  readonly lines: readonly Line[];
}

/** @param names what the runs are called */
export function chartsOf(runs: readonly RunRecord[], names: readonly string[]): ChartData[] {
  const isOne = runs.length === 1;
  // Behind each other, the single steps of several runs would hide the lines.
  const isDrawn = ({ kind, points }: Line) => points.x.length > 0 && (isOne || kind !== 'each');
  const charts = [lossChart(runs), ...partCharts(runs), ...stepCharts(runs), ...metricCharts(runs)]
    .map((chart) => ({ ...chart, lines: chart.lines.filter(isDrawn) }))
    .filter(({ lines }) => lines.length > 0);
  const lineCount = charts.reduce((sum, { lines }) => sum + lines.length, 0);
  const most = Math.max(FEWEST_POINTS, Math.min(MOST_POINTS, Math.floor(MOST_POINTS_OF_ALL / lineCount)));
  return charts.map((chart) => finished(chart, names, most));
}

function finished(
  { title, note, format, mayBeLogarithmic = false, lines }: Chart,
  names: readonly string[],
  most: number,
): ChartData {
  const whats = [...new Set(lines.map(({ what }) => what))];
  const isOne = names.length === 1;
  return {
    title,
    note,
    format,
    isLogarithmic: mayBeLogarithmic && isWide(lines),
    lines: lines.map(({ run, what, detail, kind, points }) => {
      const { x, y } = decimated(points, most);
      return {
        name: isOne ? what : names[run],
        detail: isOne ? detail : detail || (whats.length > 1 ? what : ''),
        color: isOne ? whats.indexOf(what) : run,
        kind,
        x,
        y: y.map(shortNumber),
      };
    }),
  };
}

function isWide(lines: readonly Line[]): boolean {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { points } of lines)
    for (const value of points.y) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return low > 0 && high > WIDE_RANGE * low;
}

function lossChart(runs: readonly RunRecord[]): Chart {
  const lines = runs.flatMap(({ steps, evaluations }, run) => [
    ...smoothed(
      run,
      'training',
      '',
      pointsOf(steps, ({ loss }) => loss),
    ),
    heldOut(run, 'held-out', '', evaluations, ({ evalLoss }) => evalLoss),
  ]);
  const dashed = runs.length > 1 ? 'held-out rows dashed' : '';
  const note = joined('nats a target token', noteOfMeans(runs), dashed);
  return { title: 'Loss', note, format: 'number', lines };
}

/** What events tell by name, such as `bySource: { alpaca: { loss } }`. */
function partCharts(runs: readonly RunRecord[]): Chart[] {
  const groups = keysOf(runs, (key, value) => /^by[A-Z]/.test(key) && typeof value === 'object');
  return groups.flatMap((group) => {
    const subject = group.slice(2).toLowerCase();
    const parts = [
      ...new Set(runs.flatMap((run) => allLines(run).flatMap((line) => Object.keys(partsOf(line, group))))),
    ];
    // One part alone has the loss of the whole.
    if (parts.length < 2) return [];
    const lineOf = (part: string) =>
      runs.flatMap(({ steps, evaluations }, run) => {
        const loss = (line: StepLine) => partsOf(line, group)[part]?.loss;
        // Of some sources a step has a few words, of others hundreds.
        const told = steps.filter((line) => Number.isFinite(loss(line)));
        const weights = told.map((line) => Number(partsOf(line, group)[part]?.targets) || 0);
        const [mean] = smoothed(run, part, '', pointsOf(told, loss), weights).slice(-1);
        return [mean, heldOut(run, part, 'held-out', evaluations, loss)];
      });
    const note = joined('nats a target token', noteOfMeans(runs, false), 'held-out rows dashed');
    const chart = (title: string, lines: readonly Line[]): Chart => ({
      title,
      note,
      format: 'number',
      lines,
    });
    // Of several runs each part has a chart of its own: a line's colour is that of its run.
    return runs.length === 1
      ? [chart(`Loss by ${subject}`, parts.flatMap(lineOf))]
      : parts.map((part) => chart(`Loss of ${subject} ${part}`, lineOf(part)));
  });
}

function stepCharts(runs: readonly RunRecord[]): Chart[] {
  const linesOf = (what: string, key: string, make: typeof smoothed) =>
    runs.flatMap(({ steps }, run) =>
      make(
        run,
        what,
        '',
        pointsOf(steps, (line) => line[key]),
      ),
    );
  const known = [
    'step',
    'epoch',
    'loss',
    'learningRate',
    'gradNorm',
    'tokens',
    'tokensPerSecond',
    'memory',
    'peakDeviceMemory',
  ];
  const others = keysOf(
    runs,
    (key, value) => !known.includes(key) && typeof value === 'number',
    ({ steps }) => steps,
  );
  return [
    {
      title: 'Learning rate',
      note: '',
      format: 'small',
      lines: linesOf('learning rate', 'learningRate', plain),
    },
    {
      title: 'Gradient norm',
      note: joined('before clipping', noteOfMeans(runs)),
      format: 'number',
      mayBeLogarithmic: true,
      lines: linesOf('gradient norm', 'gradNorm', smoothed),
    },
    {
      title: 'Throughput',
      note: joined('tokens a second', noteOfMeans(runs)),
      format: 'number',
      lines: linesOf('tokens/s', 'tokensPerSecond', smoothed),
    },
    {
      title: 'Memory',
      note: 'what the process holds, mapped files included; the most of the device',
      format: 'bytes',
      lines: [...linesOf('process', 'memory', plain), ...linesOf('device', 'peakDeviceMemory', plain)],
    },
    ...others.map(
      (key): Chart => ({
        title: key,
        note: noteOfMeans(runs),
        format: 'number',
        lines: linesOf(key, key, smoothed),
      }),
    ),
  ];
}

/** What metrics measured of held-out rows. */
function metricCharts(runs: readonly RunRecord[]): Chart[] {
  const keys = keysOf(
    runs,
    (key, value) => isMetric(key) && typeof value === 'number',
    ({ evaluations }) => evaluations,
  );
  return keys.map((key) => ({
    title: metricTitle(key),
    note: 'of held-out rows',
    format: 'number',
    mayBeLogarithmic: true,
    lines: runs.map(({ evaluations }, run) =>
      heldOut(run, metricTitle(key), '', evaluations, (line) => line[key]),
    ),
  }));
}

/** Whether it is shown by itself: standard errors, and what is of one source or language alone, are in metrics.jsonl. */
export function isMetric(key: string): boolean {
  return !['step', 'evalLoss'].includes(key) && !key.endsWith('Stderr') && !key.includes('/');
}

/** `exactMatch` -> `Exact match`. */
export function metricTitle(key: string): string {
  const words = key.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

const allLines = ({ steps, evaluations }: RunRecord) => [...steps, ...evaluations];

/** The keys of the runs' lines that `isMeant`, in the order in which they come. */
function keysOf(
  runs: readonly RunRecord[],
  isMeant: (key: string, value: unknown) => boolean,
  linesOf: (run: RunRecord) => readonly StepLine[] = allLines,
): string[] {
  const keys = new Set<string>();
  for (const run of runs)
    for (const line of linesOf(run))
      for (const [key, value] of Object.entries(line)) if (isMeant(key, value)) keys.add(key);
  return [...keys];
}

/** The loss of each part, and of how many target tokens it is the mean. */
type Parts = Readonly<Record<string, { loss?: unknown; targets?: unknown } | undefined>>;

function partsOf(line: StepLine, group: string): Parts {
  return (line[group] ?? {}) as Parts;
}

function heldOut(
  run: number,
  what: string,
  detail: string,
  lines: readonly StepLine[],
  pick: (line: StepLine) => unknown,
): Line {
  return { run, what, detail, kind: 'points', points: pointsOf(lines, pick) };
}

function plain(run: number, what: string, detail: string, points: Points): Line[] {
  return [{ run, what, detail, kind: 'line', points }];
}

/** Every point, and before it the mean; of few points those alone. */
function smoothed(
  run: number,
  what: string,
  detail: string,
  points: Points,
  weights?: readonly number[],
): Line[] {
  const window = windowOf(points.x.length);
  if (window === 1) return plain(run, what, detail, points);
  const mean: Line = { run, what, detail, kind: 'line', points: trailingMean(points, window, weights) };
  return [{ run, what, detail: 'single', kind: 'each', points }, mean];
}

function windowOf(count: number): number {
  return count < FEWEST_FOR_MEANS ? 1 : Math.max(FEWEST_OF_A_MEAN, Math.round(count / WINDOWS));
}

const joined = (...notes: readonly string[]) => notes.filter((note) => note !== '').join('; ');

/** How smooth the lines are. @param hasSingle whether single steps of one run are drawn, too */
function noteOfMeans(runs: readonly RunRecord[], hasSingle = runs.length === 1): string {
  const windows = runs.flatMap(({ steps }) => {
    const window = windowOf(steps.length);
    // A line covers `train.logEvery` steps.
    const covered = window > 1 ? ((steps.at(-1)?.step ?? 0) - steps[0].step) / (steps.length - 1) : 1;
    return window > 1 ? [Math.round(window * covered)] : [];
  });
  if (windows.length === 0) return '';
  const among = [...new Set(windows)].sort((a, b) => a - b).map(formatCount);
  return `mean of the last ${among.join(' or ')} steps${hasSingle ? ', single ones behind' : ''}`;
}
