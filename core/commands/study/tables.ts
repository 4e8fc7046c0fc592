/** What a study found, as tables: one for each measure, with a row for each variant and a column for each held-out set. */

import type { RunOutcome } from './study-run.js';

/** The mean over seeds. */
export interface Cell {
  readonly mean: number;
  /** The standard deviation over seeds; absent where there is one. */
  readonly deviation?: number;
  /** So many seeds. */
  readonly count: number;
  readonly isBest: boolean;
}

export interface MeasureTable {
  readonly measure: string;
  /** Which values are better; absent of a measure that a plugin of a third party made. */
  readonly better?: 'lower' | 'higher';
  readonly sets: readonly string[];
  /** A cell is absent where no run of the variant is measured. */
  readonly rows: readonly { readonly variant: string; readonly cells: readonly (Cell | undefined)[] }[];
}

const LOWER = ['evalLoss', 'perplexity'];
const HIGHER = ['exactMatch', 'answerLanguage', 'rougeL', 'multipleChoice', 'ifeval'];

/** @param variants and sets in the order in which they are shown */
export function tablesOf(
  outcomes: readonly RunOutcome[],
  variants: readonly string[],
  sets: readonly string[],
): MeasureTable[] {
  const measures = new Set(outcomes.flatMap((each) => Object.values(each.sets).flatMap(Object.keys)));
  return [...measures].map((measure) => {
    const better = LOWER.includes(measure) ? 'lower' : HIGHER.includes(measure) ? 'higher' : undefined;
    const measured = sets.filter((set) => outcomes.some((each) => each.sets[set]?.[measure] !== undefined));
    const columns = measured.map((set) => {
      const cells = variants.map((variant) =>
        cellOf(
          outcomes.flatMap((each) => (each.variant === variant ? (each.sets[set]?.[measure] ?? []) : [])),
        ),
      );
      const means = cells.flatMap((cell) => (cell === undefined ? [] : [cell.mean]));
      const best = better === 'lower' ? Math.min(...means) : Math.max(...means);
      // Where all are equal, none is best.
      const differ = means.some((mean) => mean !== best);
      return cells.map((cell) => cell && { ...cell, isBest: differ && !!better && cell.mean === best });
    });
    const rows = variants.map((variant, i) => ({ variant, cells: columns.map((column) => column[i]) }));
    return { measure, ...(better && { better }), sets: measured, rows };
  });
}

function cellOf(values: readonly number[]): Omit<Cell, 'isBest'> | undefined {
  const count = values.length;
  if (count === 0) return undefined;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  if (count === 1) return { mean, count };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / (count - 1)), count };
}

/** `0.512 ±0.010*` */
export function cellText(cell: Cell | undefined): string {
  if (cell === undefined) return '–';
  const { mean, deviation, isBest } = cell;
  const spread = deviation === undefined ? '' : ` ±${figure(deviation)}`;
  return `${figure(mean)}${spread}${isBest ? '*' : ''}`;
}

function figure(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(1) : value.toFixed(3);
}

/** What a measure is called, and which values are better. */
export function headOf({ measure, better }: MeasureTable): string {
  return better === undefined ? measure : `${measure} (${better} is better)`;
}

/** What the numbers are, in a sentence. */
export function legendOf(rows: number, seeds: number): string {
  const spread = seeds > 1 ? `Mean ± standard deviation over ${seeds} seeds` : 'One seed: no spread';
  return `${spread}; ${rows} rows in each set; * is the best of a column.`;
}

/** For a terminal. */
export function tableText(tables: readonly MeasureTable[], legend: string): string {
  const parts = tables.map((table) => {
    const lines = [
      ['', ...table.sets],
      ...table.rows.map(({ variant, cells }) => [variant, ...cells.map(cellText)]),
    ];
    const widths = lines[0].map((_, i) => Math.max(...lines.map((line) => width(line[i]))));
    const text = lines.map((line) =>
      line
        .map((cell, i) => cell + ' '.repeat(widths[i] - width(cell)))
        .join('  ')
        .trimEnd(),
    );
    return `${headOf(table)}\n${text.join('\n')}`;
  });
  return `${parts.join('\n\n')}\n\n${legend}\n`;
}

/** For a page in Markdown. */
export function tableMarkdown(table: MeasureTable): string {
  const lines = [
    [headOf(table), ...table.sets],
    [...table.sets, ''].map(() => '---'),
    ...table.rows.map(({ variant, cells }) => [
      variant,
      ...cells.map((cell) => (cell?.isBest ? `**${cellText(cell).slice(0, -1)}**` : cellText(cell))),
    ]),
  ];
  return lines.map((line) => `| ${line.map(inCell).join(' | ')} |`).join('\n');
}

/** A text within a cell of a table in Markdown. */
export function inCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replace(/\r?\n/g, '<br>');
}

/** Columns on a terminal: signs of Han take two. */
function width(text: string): number {
  return [...text].reduce((sum, character) => sum + (/\p{Script=Han}/u.test(character) ? 2 : 1), 0);
}
