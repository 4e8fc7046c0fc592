/** The figures of a bench as the table that a person reads. */

import { BARS, type Bar, isReached } from './bars.js';

export type Unit = 's' | 'bytes' | 'GFLOP/s' | 'GB/s' | 'tokens/s' | 'rows/s' | 'nats' | '×' | '%';

/** One line of the table. A name that bars.ts has is held to the bars there. */
export interface Row {
  readonly what: string;
  readonly unit: Unit;
  readonly ours: number | null;
  readonly theirs: number | null;
  /** What stands beside the figures: the gradient norm, what was compared. */
  readonly note?: string;
  /** The share of the machine that other processes took meanwhile, 0 … 1. */
  readonly others?: number | null;
  /** Everything measured, for the JSON file. */
  readonly raw?: unknown;
}

/** ours / theirs, as the bars count it; null where one side is missing. */
export function ratioOf({ ours, theirs }: Row): number | null {
  return ours === null || theirs === null ? null : ours / theirs;
}

const HEAD = ['what', 'ours', 'theirs', 'ratio', 'bar', 'reached', 'others', 'note'];

export function formatTable(rows: readonly Row[]): string {
  const lines = [HEAD, ...rows.map(cells)];
  const widths = HEAD.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines
    .map((line) =>
      line
        .map((cell, i) => cell.padEnd(widths[i]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function cells(row: Row): string[] {
  const bars = BARS[row.what] ?? [];
  const ratio = ratioOf(row);
  const reached = isReached(bars, { ours: row.ours, ratio });
  return [
    row.what,
    formatFigure(row.ours, row.unit),
    formatFigure(row.theirs, row.unit),
    ratio === null ? '-' : ratio.toFixed(2),
    bars.map((bar) => formatBar(bar, row.unit)).join(', '),
    reached === null ? '' : reached ? 'yes' : 'NO',
    row.others === undefined || row.others === null ? '' : `${Math.round(row.others * 100)} %`,
    row.note ?? '',
  ];
}

function formatFigure(value: number | null, unit: Unit): string {
  if (value === null) return '-';
  if (unit === 'bytes') return `${(value / 2 ** 30).toFixed(2)} GiB`;
  if (unit === 's' && value < 1) return `${(value * 1000).toPrecision(3)} ms`;
  return `${value >= 100 ? value.toFixed(0) : value.toPrecision(3)} ${unit}`;
}

function formatBar({ of, atLeast, atMost }: Bar, unit: Unit): string {
  const [sign, value] = atLeast === undefined ? ['≤', atMost as number] : ['≥', atLeast];
  return of === 'ratio' ? `${sign} ${value}×` : `${sign} ${formatFigure(value, unit)}`;
}
