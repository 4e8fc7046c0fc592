/** `evolve inspect CONFIG`: rows as a run of the configuration will see them, in its order. */

import { EvolveError } from '../base/errors.js';
import { printable } from '../base/printable.js';
import { loadConfig } from '../config/load.js';
import type { Encoder } from '../contracts/encoder.js';
import { labelsOf } from '../contracts/labels.js';
import type { Row, SplitRows } from '../data/rows.js';
import { composeRun } from '../run/compose.js';
import { furtherFaults, loadChecked } from './early-faults.js';
import { catchInterruption } from './interruption.js';
import { renderRow } from './render-tokens.js';

interface InspectOptions {
  readonly set: string[];
  readonly row?: number;
  readonly rows?: number;
  readonly heldOut?: true;
  readonly json?: true;
}

const DEFAULT_ROWS = 3;

export async function inspectCommand(file: string, options: InspectOptions): Promise<void> {
  const { config, locate, folder } = await loadConfig(file, options, furtherFaults);
  const trackers = [options.json ? 'json' : 'progress'];
  const plugins = await loadChecked(config, locate, { trackers, folder });
  const { preparation } = composeRun(config, plugins, catchInterruption().signal);
  try {
    const { encoder, rows } = await preparation.rows();
    const { shown, first, all } = chosen(rows, options);
    const isColored = process.stdout.isTTY === true && !process.env.NO_COLOR;
    if (!options.json)
      process.stdout.write(
        `What is trained on is ${isColored ? 'green' : 'between ⟦ and ⟧'}; all tokens are shown.\n`,
      );
    const names = rows.corpus.facts.sources;
    for (const [i, row] of shown.entries()) {
      const number = first + i + 1;
      if (options.json)
        for (const line of jsonOf(row, number, names)) process.stdout.write(`${JSON.stringify(line)}\n`);
      else process.stdout.write(`\nrow ${number} of ${all}, ${textOf(row, names, encoder, isColored)}`);
    }
  } catch (error) {
    throw error instanceof EvolveError ? error.locatedBy(locate) : error;
  } finally {
    await preparation.free();
  }
}

/** The rows that are asked for, and which is the first of them. */
function chosen(
  { train, validation }: SplitRows,
  { row, rows = row === undefined ? DEFAULT_ROWS : 1, heldOut }: InspectOptions,
): { shown: Row[]; first: number; all: number } {
  const list = heldOut ? validation : train.pass(0);
  const first = (row ?? 1) - 1;
  if (first < list.length) return { shown: list.read(first, first + rows), first, all: list.length };
  const what = heldOut ? 'held out' : 'in a pass';
  throw new EvolveError(
    'COMMAND_LINE',
    `--row ${row}: there are ${list.length} rows ${what}`,
    'Rows count from 1.',
  );
}

/** With packing, a row has several examples. */
function textOf(row: Row, names: readonly string[], encoder: Encoder, isColored: boolean): string {
  return row
    .map((example) => {
      const { inputIds, source } = example;
      const head = printable(`${inputIds.length} tokens of ${names[source]}\n`);
      return head + renderRow(example, encoder, isColored);
    })
    .join('and ');
}

function jsonOf(row: Row, number: number, names: readonly string[]): object[] {
  return row.map((example) => ({
    type: 'row',
    row: number,
    source: names[example.source],
    inputIds: [...example.inputIds],
    labels: [...labelsOf(example)],
  }));
}
