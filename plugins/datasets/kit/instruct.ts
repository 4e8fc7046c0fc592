/** Instructions with their answers, under whatever names: `instruct`, and the names that its first files gave it. */

import type { DataSource, Example, Turn } from '../../../core/index.js';
import {
  type Cells,
  type ColumnNames,
  type Columns,
  cellsOf,
  chosenColumns,
  columnsOf,
  isBlank,
  shown,
  textIn,
  toldOf,
  valueIn,
} from './columns.js';
import type { Reading } from './format.js';

/** As Alpaca, BELLE and LLaMA-Factory's files have them; self-instruct's seed tasks have `instances`, studies `rationaleSpan`. */
export const OWN_NAMES: ColumnNames = {
  instruction: ['instruction'],
  input: ['input'],
  output: ['output'],
  system: ['system'],
  history: ['history'],
  instances: ['instances'],
  rationaleSpan: ['rationaleSpan'],
};

/** And as others have them: Dolly, GPTeacher, Firefly, GSM8K, pCLUE. */
export const ALL_NAMES: ColumnNames = {
  ...OWN_NAMES,
  instruction: ['instruction', 'question', 'prompt', 'query', 'problem'],
  input: ['input', 'context'],
  output: ['output', 'response', 'answer', 'target', 'completion', 'solution'],
  system: ['system', 'system_prompt'],
};

/** How records with some of these columns are read. */
export function instructions(
  format: string,
  names: ColumnNames,
  sample: readonly unknown[],
  source: DataSource,
): Reading {
  const found = columnsOf(sample);
  const chosen = chosenColumns(format, names, found, source);
  const columns = source.columns ? chosen : withQuestion(chosen, found);
  return { told: toldOf(columns, found), examplesOf: (record) => examplesOf(record, columns) };
}

/** Where the only question is called input (Firefly, pCLUE), it is the instruction. */
function withQuestion({ instruction, input, ...columns }: Columns, found: ReadonlySet<string>): Columns {
  if (found.has(instruction[0]) || !found.has(input[0])) return { instruction, input, ...columns };
  return { instruction: input, ...columns };
}

function examplesOf(record: unknown, columns: Columns): Example[] | string {
  const expected = ['instruction', 'input', 'output'].flatMap((column) => columns[column] ?? []);
  const isRow = expected.some((name) => /^\d+$/.test(name));
  const cells = Array.isArray(record) && !isRow ? undefined : cellsOf(record);
  if (!cells) {
    return `expected { ${expected.join(', ')} }, but got ${shown(record)}`;
  }
  const tasks = tasksOf(cells, columns);
  if (typeof tasks === 'string') return tasks;
  const examples: Example[] = [];
  for (const task of tasks) {
    const example = exampleOf(task, columns);
    if (typeof example === 'string') return example;
    examples.push(example);
  }
  return examples;
}

/** A seed task becomes a record an instance; a plain record stays as it is. */
function tasksOf(cells: Cells, columns: Columns): Cells[] | string {
  const instances = valueIn(cells, columns, 'instances');
  if (!Array.isArray(instances) || instances.length === 0) return [cells];
  const other = instances.find((instance) => typeof instance !== 'object' || instance === null);
  if (other !== undefined) return `"instances" holds ${shown(other)}, and no { input, output }`;
  const { [columns.instances[0]]: _, ...task } = cells;
  return instances.map((instance: object) => ({ ...task, ...instance }));
}

function exampleOf(cells: Cells, columns: Columns): Example | string {
  const faults: string[] = [];
  const asked = textIn(cells, columns, 'instruction', faults, true);
  const further = textIn(cells, columns, 'input', faults);
  const output = textIn(cells, columns, 'output', faults, true);
  const system = textIn(cells, columns, 'system', faults);
  const history = historyOf(valueIn(cells, columns, 'history'), faults);
  // BELLE and Firefly have records whose whole question is the input.
  const [instruction, input] = asked.trim() === '' ? [further, ''] : [asked, further];
  if (faults.length === 0 && instruction.trim() === '') faults.push(`"${columns.instruction[0]}" is empty`);
  if (faults.length > 0) return faults.join(', ') + otherKeys(cells, columns);
  if (isBlank(system) && history.length === 0) {
    const rationale = spanIn(valueIn(cells, columns, 'rationaleSpan'), output);
    return { kind: 'instruction', instruction, input, output, ...(rationale && { rationale }) };
  }
  // One question, as in LLaMA-Factory. All answers are trained on.
  const question = input === '' ? instruction : `${instruction}\n${input}`;
  const turns: Turn[] = [...history, [question, output] as const].flatMap(([said, answer]) => [
    { role: 'user', content: said, trained: false },
    { role: 'assistant', content: answer, trained: answer.trim() !== '' },
  ]);
  return {
    kind: 'turns',
    turns: isBlank(system) ? turns : [{ role: 'system', content: system, trained: false }, ...turns],
  };
}

/** `[0, 40]`: the part of the answer that reasons, in characters. What is none is left alone. */
function spanIn(value: unknown, output: string): readonly [number, number] | undefined {
  if (!Array.isArray(value) || value.length !== 2 || !value.every(Number.isInteger)) return undefined;
  const [start, end] = value as [number, number];
  return start >= 0 && start < end && end <= output.length ? [start, end] : undefined;
}

const MOST_KEYS = 8;

/** ` (the record has "prompt", "completion")` where a column is missing: the record may name it otherwise. */
function otherKeys(cells: Cells, columns: Columns): string {
  const known = Object.values(columns).flat();
  const isWhole = ['instruction', 'output'].every((column) => valueIn(cells, columns, column) !== undefined);
  const others = Object.keys(cells).filter((key) => !known.includes(key));
  if (isWhole || others.length === 0) return '';
  const named = others.slice(0, MOST_KEYS).map((key) => JSON.stringify(key.slice(0, 40)));
  return ` (the record has ${named.join(', ')}${others.length > MOST_KEYS ? ', …' : ''})`;
}

/** The exchanges before this one: a list of [question, answer]. What is wrong with it is added to `faults`. */
export function historyOf(value: unknown, faults: string[]): [question: string, answer: string][] {
  if (isBlank(value)) return [];
  if (!Array.isArray(value)) {
    faults.push(`"history" is no list of [question, answer], but ${shown(value)}`);
    return [];
  }
  for (const [i, pair] of value.entries()) {
    if (!Array.isArray(pair) || pair.length !== 2)
      faults.push(`"history"[${i}] is no [question, answer], but ${shown(pair)}`);
    else
      for (const [j, text] of pair.entries())
        if (typeof text !== 'string') faults.push(`"history"[${i}][${j}] is no text, but ${shown(text)}`);
  }
  return value as [string, string][];
}
