/**
 * Chain-of-Thought data in two forms: question, answer and rationale (as the nine sets are published, in TSV), phrased as
 * instructions here; and `{ instruction, input, output }` that is phrased already (Alpaca-CoT's CoT_data.json).
 */

import { type DataSource, deriveSeed, type Example } from '../../../core/index.js';
import {
  type Cells,
  type Columns,
  cellsOf,
  chosenColumns,
  columnsOf,
  shown,
  textIn,
  toldOf,
} from '../kit/columns.js';
import { defineFormat } from '../kit/define-format.js';
import type { Reading } from '../kit/format.js';
import { instructions, OWN_NAMES } from '../kit/instruct.js';
import { withLineBreaks } from './line-breaks.js';
import { phrase } from './phrasings.js';

const NAMES = {
  question: ['question', '1'],
  answer: ['answer', '2'],
  rationale: ['rationale', 'explanation', 'chain_of_thought', '3'],
};
const COLUMNS = Object.keys(NAMES);

export default defineFormat({
  name: 'cot',
  apiVersion: 2,
  about: 'questions with answer and rationale',
  reading(sample, source) {
    const found = columnsOf(sample);
    const isPhrased = source.columns ? 'instruction' in source.columns : found.has('instruction');
    return isPhrased ? phrased(sample, source) : unphrased(found, source);
  },
  doubt(sample) {
    if (columnsOf(sample).has('instruction')) return 'these may be any instructions';
    if (!sample.every(Array.isArray)) return undefined;
    const lengths = [1, 2].map((column) =>
      (sample as string[][]).reduce((sum, row) => sum + row[column].length, 0),
    );
    return lengths[1] > 2 * lengths[0]
      ? undefined
      : 'the table has no header: are its cells question, answer, rationale?';
  },
});

function unphrased(found: ReadonlySet<string>, source: DataSource): Reading {
  const columns = chosenColumns('cot', NAMES, found, source);
  return {
    told: toldOf(columns, found),
    examplesOf(record) {
      const cells = cellsOf(record);
      if (!cells) return `expected { ${COLUMNS.join(', ')} }, but got ${shown(record)}`;
      const count = Object.keys(cells).length;
      if (Array.isArray(record) && !source.columns && count !== COLUMNS.length)
        return `expected question, answer and rationale, but got ${count} cells`;
      return reasoned(cells, columns);
    },
  };
}

function reasoned(cells: Cells, columns: Columns): Example[] | string {
  const faults: string[] = [];
  const [question, answer, rationale] = COLUMNS.map((column) => {
    const text = withLineBreaks(textIn(cells, columns, column, faults, true));
    if (faults.length === 0 && text.trim() === '') faults.push(`the ${column} is empty`);
    return text;
  });
  if (faults.length > 0) return faults.join(', ');
  // The phrasing follows from the question alone: the same file always gives the same examples.
  return [phrase({ question, answer, rationale }, deriveSeed(0, question))];
}

function phrased(sample: readonly unknown[], source: DataSource): Reading {
  const { told, examplesOf } = instructions('cot', OWN_NAMES, sample, source);
  return {
    told,
    examplesOf(record) {
      const examples = examplesOf(record);
      return typeof examples === 'string' ? examples : examples.map(restored);
    },
  };
}

/** The example with the line breaks of its texts. */
function restored(example: Example): Example {
  if (example.kind === 'turns') {
    const turns = example.turns.map((turn) => ({ ...turn, content: withLineBreaks(turn.content) }));
    return { ...example, turns };
  }
  if (example.kind !== 'instruction') return example;
  const [instruction, input, output] = [example.instruction, example.input, example.output].map(
    withLineBreaks,
  );
  return { ...example, instruction, input, output };
}
