/** What there is to say of a run in numbers and words, besides its curves. */

import path from 'node:path';
import { sum } from '../base/collections.js';
import { displayPath } from '../base/paths.js';
import { formatCount, formatDuration, formatMebibytes } from '../base/quantities.js';
import { isMetric, metricTitle } from './charts.js';
import type { StepLine } from './json-lines.js';
import type { RunRecord } from './run-record.js';

export interface Fact {
  readonly label: string;
  readonly value: string;
  /** What the value is compared with, or why it is so. */
  readonly detail?: string | undefined;
}

/** The facts that matter most come first. What is not known of a run is left out. */
export function factsOf(run: RunRecord): Fact[] {
  return [...lossFacts(run), ...workFacts(run), ...inputFacts(run)].filter(({ value }) => value !== '');
}

/** `interrupted`, and why. */
export function stateFact({ state, result }: RunRecord): Fact {
  return { label: 'State', value: state, detail: result?.error?.message ?? result?.stopReason };
}

function lossFacts({ steps, evaluations }: RunRecord): Fact[] {
  const numbers = (lines: readonly StepLine[], key: string) =>
    lines.map((line) => line[key]).filter((value): value is number => typeof value === 'number');
  const losses = numbers(steps, 'loss');
  const tenth = Math.max(1, Math.round(losses.length / 10));
  const [first, last] = [losses.slice(0, tenth), losses.slice(-tenth)].map((part) => sum(part) / part.length);
  const means = tenth > 1 ? '; means of the first and the last tenth' : '';
  const measured = (key: string, label: string): Fact => {
    const values = numbers(evaluations, key);
    return { label, ...change(values[0], values.at(-1), values.length > 1) };
  };
  const metrics = new Set(evaluations.flatMap((line) => Object.keys(numericOf(line)).filter(isMetric)));
  return [
    measured('evalLoss', 'Held-out loss'),
    { label: 'Training loss', ...change(first, last, losses.length > 1, means) },
    ...[...metrics].map((key) => measured(key, metricTitle(key))),
  ];
}

function numericOf(line: StepLine): Record<string, unknown> {
  return Object.fromEntries(Object.entries(line).filter(([, value]) => typeof value === 'number'));
}

/** Where a number ended, and from where it came. */
function change(
  from: number | undefined,
  to: number | undefined,
  isChange: boolean,
  note = '',
): Omit<Fact, 'label'> {
  if (from === undefined || to === undefined || !Number.isFinite(to)) return { value: '' };
  const percent = Math.round((1000 * (to - from)) / Math.abs(from)) / 10;
  // From next to nothing, a share says nothing.
  const share = Math.abs(percent) <= 100 ? `, ${percent > 0 ? '+' : '−'}${Math.abs(percent)} %` : '';
  return { value: shown(to), ...(isChange && { detail: `from ${shown(from)}${share}${note}` }) };
}

const shown = (value: number) =>
  Math.abs(value) < 1000 ? Number(value.toPrecision(4)).toString() : formatCount(Math.round(value));

function workFacts({ steps, totalSteps, result, seconds, state }: RunRecord): Fact[] {
  const done = steps.at(-1)?.step ?? result?.steps ?? 0;
  const tokens = sum(steps.map((line) => Number(line.tokens) || 0));
  const speeds = steps
    .map((line) => Number(line.tokensPerSecond))
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  const most = (key: string) => steps.reduce((max, line) => Math.max(max, Number(line[key]) || 0), 0);
  const memory = result?.peakMemory ?? most('memory');
  const deviceMemory = result?.peakDeviceMemory ?? most('peakDeviceMemory');
  const median = speeds[Math.floor(speeds.length / 2)];
  return [
    {
      label: 'Steps',
      value: formatCount(done),
      detail: totalSteps === undefined ? undefined : `of ${formatCount(totalSteps)}`,
    },
    {
      label: 'Throughput',
      value: median === undefined ? '' : `${formatCount(Math.round(median))} tokens/s`,
      detail: 'median of the steps',
    },
    { label: 'Time', value: formatDuration(seconds), detail: timeDetail(state, result?.resumedFrom) },
    {
      label: 'Peak memory',
      value: memory > 0 ? formatMebibytes(memory) : '',
      detail: 'of the process, mapped files included',
    },
    { label: 'Peak device memory', value: deviceMemory > 0 ? formatMebibytes(deviceMemory) : '' },
    { label: 'Tokens', value: tokens > 0 ? formatCount(tokens) : '', detail: 'put through in training' },
  ];
}

function timeDetail(state: RunRecord['state'], resumedFrom: number | undefined): string | undefined {
  if (state === 'running') return 'until now';
  return resumedFrom === undefined ? undefined : `since it went on from step ${formatCount(resumedFrom)}`;
}

function inputFacts({ config, result, folder, startedAt }: RunRecord): Fact[] {
  const { model, data, quantizer, adapter } = config as Readonly<
    Record<string, Record<string, unknown> | undefined>
  >;
  const sources = (Array.isArray(data?.sources) ? data.sources : []).map((source: unknown) =>
    typeof source === 'string' ? source : path.basename(String((source as { path?: unknown })?.path)),
  );
  const { parameters, rows, device, versions } = result ?? {};
  const share = parameters && Number(((100 * parameters.trainable) / parameters.total).toPrecision(2));
  const quantized = quantizer?.name === 'none' ? '' : String(quantizer?.name ?? '');
  return [
    {
      label: 'Model',
      value: model?.path === undefined ? '' : displayPath(String(model.path)),
      detail: quantized || undefined,
    },
    { label: 'Adapter', value: String(adapter?.method ?? '') },
    {
      label: 'Trainable parameters',
      value: parameters ? formatCount(parameters.trainable) : '',
      detail: parameters ? `of ${formatCount(parameters.total)} (${share} %)` : undefined,
    },
    { label: 'Data', value: sources.join(', ') },
    {
      label: 'Rows',
      value: rows ? formatCount(rows.trainRows) : '',
      detail: rows
        ? `${formatCount(rows.validationRows)} held out, ${formatCount(rows.cutRows)} cut`
        : undefined,
    },
    { label: 'Device', value: device?.name ?? '', detail: device?.description },
    { label: 'Started', value: formatMoment(startedAt) },
    { label: 'Folder', value: displayPath(folder) },
    { label: 'evolve', value: String(versions?.evolve ?? '') },
  ];
}

/** `2026-03-01 12:00`, by the clock of this machine. */
export function formatMoment(moment: Date): string {
  const two = (number: number) => String(number).padStart(2, '0');
  const date = [moment.getFullYear(), two(moment.getMonth() + 1), two(moment.getDate())].join('-');
  return `${date} ${two(moment.getHours())}:${two(moment.getMinutes())}`;
}
