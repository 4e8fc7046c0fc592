/** A report of `evolve data stats` for a terminal of 80 columns. */

import { printable } from '../../base/printable.js';
import type { LengthReport, Report } from './statistics.js';

const BAR_COLUMNS = 40;
const MOST_NAMES = 12;

export const KIND_NAMES: Readonly<Record<keyof Report['kinds'], string>> = {
  instruction: 'instructions',
  turns: 'conversations',
  text: 'texts',
  tokens: 'rows in tokens',
  preference: 'pairs of answers',
};

export function drawReport(report: Report): string {
  const { rows, kinds, sources, languages, unit } = report;
  const kindsThere = Object.entries(kinds).flatMap(([kind, number]) =>
    number > 0 ? [`${counted(number)} ${KIND_NAMES[kind as keyof Report['kinds']]}`] : [],
  );
  const lines = [
    `${counted(rows)} rows: ${kindsThere.join(', ')}`,
    ...(Object.keys(sources).length > 1 ? ['', 'sources', ...names(sources, rows)] : []),
    '',
    'languages',
    ...names(languages, rows),
    '',
    `length of rows in ${unit}: ${inWords(report.lengths)}`,
    ...bars(report.lengths, rows),
    '',
    `trained on, in ${unit}: ${inWords(report.trained)}`,
    ...bars(report.trained, rows),
    '',
    ...factsOf(report),
  ];
  return printable(`${lines.join('\n')}\n`);
}

/** What is told in sentences. */
export function factsOf({ rows, cut, duplicates, overlap, unmeasured, unit }: Report): string[] {
  return [
    ...cut.map(
      (each) =>
        `cutoffLength ${counted(each.at)} cuts ${counted(each.rows)} rows (${share(each.rows, rows)}), ${counted(each.tokens)} tokens`,
    ),
    `${counted(duplicates.rows)} rows come again (${share(duplicates.rows, rows)}); ${counted(duplicates.questions)} questions come again with another answer`,
    ...(overlap
      ? [
          `of ${counted(overlap.heldOut)} held-out rows: ${counted(overlap.rows)} rows here are among them, ${counted(overlap.questions)} more have a question of theirs`,
        ]
      : []),
    ...(unmeasured > 0
      ? [`${counted(unmeasured)} rows have no length: the template has no words for them`]
      : []),
    ...(unit === 'characters' ? ['--model NAME counts tokens, and what a cutoffLength would cut'] : []),
  ];
}

export function counted(number: number): string {
  return number.toLocaleString('en-US');
}

export function share(part: number, whole: number): string {
  return `${whole === 0 ? 0 : ((100 * part) / whole).toFixed(1)} %`;
}

export function inWords({ mean, median, p90, p99, longest }: LengthReport): string {
  return `median ${counted(median)}, mean ${counted(Math.round(mean))}, 90 % up to ${counted(p90)}, 99 % up to ${counted(p99)}, longest ${counted(longest)}`;
}

function names(counts: Readonly<Record<string, number>>, rows: number): string[] {
  const entries = Object.entries(counts);
  const width = Math.min(48, Math.max(...entries.slice(0, MOST_NAMES).map(([name]) => name.length)));
  const shown = entries
    .slice(0, MOST_NAMES)
    .map(
      ([name, number]) =>
        `  ${shortened(name, width).padEnd(width)}  ${counted(number).padStart(11)}  ${share(number, rows).padStart(7)}`,
    );
  return entries.length > MOST_NAMES ? [...shown, `  … and ${entries.length - MOST_NAMES} more`] : shown;
}

function shortened(name: string, width: number): string {
  return name.length > width ? `…${name.slice(1 - width)}` : name;
}

function bars({ bars: all }: LengthReport, rows: number): string[] {
  const most = Math.max(...all.map((bar) => bar.rows), 1);
  return all.map(({ from, to, rows: number }) => {
    const length = Math.round((BAR_COLUMNS * number) / most);
    const bar = '█'.repeat(number > 0 ? Math.max(1, length) : 0);
    return `  ${`${from}–${to}`.padStart(13)}  ${bar.padEnd(BAR_COLUMNS)} ${counted(number).padStart(9)} ${share(number, rows).padStart(7)}`;
  });
}
