/**
 * Rows that are in tokens already, as transformers and TRL have them: `input_ids` with `labels`, with a mask of 0 and 1, or
 * with neither; or `prompt_ids` with `completion_ids`. A token has no label where `labels` says -100, or the mask 0.
 */

import { type Example, IGNORED, type Span } from '../../../core/index.js';
import { byColumns, RecordFault } from '../kit/by-columns.js';
import { type Cells, type Columns, cellsOf, shown, valueIn } from '../kit/columns.js';
import { defineFormat } from '../kit/define-format.js';

const NAMES = {
  input_ids: ['input_ids'],
  labels: ['labels'],
  mask: ['assistant_masks', 'completion_mask', 'loss_mask'],
  attention_mask: ['attention_mask'],
  prompt_ids: ['prompt_ids', 'prompt_input_ids'],
  completion_ids: ['completion_ids', 'completion_input_ids'],
};

const READING = { format: 'tokens', names: NAMES, examplesOf };

export default defineFormat({
  name: 'tokens',
  apiVersion: 2,
  about: 'rows in tokens',
  reading: (...args) => byColumns(READING, ...args),
});

function examplesOf(record: unknown, columns: Columns): Example[] {
  const cells = cellsOf(record) ?? {};
  const read = (column: string) => idsIn(cells, columns, column);
  const prompt = read('prompt_ids');
  const completion = read('completion_ids');
  const inputIds = read('input_ids');
  if (inputIds) return [ofRow(inputIds, read)];
  if (!prompt || !completion)
    throw new RecordFault(
      `expected { ${columns.input_ids?.[0] ?? 'prompt_ids, completion_ids'} }, but got ${shown(record)}`,
    );
  checkIds(prompt, columns.prompt_ids[0]);
  checkIds(completion, columns.completion_ids[0]);
  if (completion.length === 0) throw new RecordFault('no token has a label');
  const ids = [...prompt, ...completion];
  return [{ kind: 'tokens', inputIds: ids, spans: [[prompt.length, ids.length]] }];
}

function ofRow(all: readonly number[], read: (column: string) => number[] | undefined): Example {
  checkIds(all, 'input_ids');
  const labels = read('labels');
  const mask = read('mask');
  const attention = read('attention_mask');
  for (const [name, values] of Object.entries({ labels, mask, attention_mask: attention })) {
    if (values && values.length !== all.length)
      throw new RecordFault(`there are ${all.length} input_ids, but ${values.length} values of ${name}`);
  }
  for (const [name, values] of Object.entries({ mask, attention_mask: attention })) checkMask(name, values);
  const wrong = labels?.findIndex((label, i) => label !== IGNORED && label !== all[i]) ?? -1;
  if (labels && wrong >= 0)
    throw new RecordFault(
      `label ${wrong + 1} is ${labels[wrong]}, but the token there is ${all[wrong]}; a label is its own token, or ${IGNORED}`,
    );
  const isTrained = all.map((_, i) =>
    labels ? labels[i] !== IGNORED : mask ? mask[i] === 1 : attention?.[i] !== 0,
  );
  const [start, end] = withoutPadding(attention ?? all.map(() => 1));
  const padding = isTrained.findIndex((each, i) => each && (i < start || i >= end));
  if (padding >= 0)
    throw new RecordFault(`token ${padding + 1} has a label, but attention_mask says that it is padding`);
  const spans = spansOf(isTrained.slice(start, end));
  if (spans.length === 0) throw new RecordFault('no token has a label');
  return { kind: 'tokens', inputIds: all.slice(start, end), spans };
}

/** The numbers in a column; undefined if there is none. Parquet has large integers. */
function idsIn(cells: Cells, columns: Columns, column: string): number[] | undefined {
  const value = valueIn(cells, columns, column);
  if (value === undefined || value === null) return undefined;
  const numbers = Array.isArray(value)
    ? value.map((each) => (typeof each === 'bigint' ? Number(each) : (each as unknown)))
    : [undefined];
  if (numbers.every((each): each is number => Number.isSafeInteger(each))) return numbers;
  throw new RecordFault(`"${columns[column][0]}" is no list of whole numbers, but ${shown(value)}`);
}

function checkIds(ids: readonly number[], name: string): void {
  const wrong = ids.findIndex((id) => id < 0);
  if (wrong >= 0) throw new RecordFault(`${name} has ${ids[wrong]} in place ${wrong + 1}, which is no token`);
}

function checkMask(name: string, mask: readonly number[] | undefined): void {
  const wrong = mask?.findIndex((each) => each !== 0 && each !== 1) ?? -1;
  if (mask && wrong >= 0)
    throw new RecordFault(`${name} has ${mask[wrong]} in place ${wrong + 1}; expected 0 or 1`);
}

/** Where the tokens are that are no padding: it may stand before them or behind them. */
function withoutPadding(attention: readonly number[]): Span {
  const start = Math.max(attention.indexOf(1), 0);
  const end = attention.lastIndexOf(1) + 1;
  const hole = attention.slice(start, end).indexOf(0);
  if (hole >= 0)
    throw new RecordFault(`attention_mask leaves out token ${start + hole + 1}, in the midst of the row`);
  return [start, end];
}

function spansOf(isTrained: readonly boolean[]): Span[] {
  const spans: Span[] = [];
  for (const [i, trained] of isTrained.entries()) {
    if (!trained) continue;
    const last = spans.at(-1);
    if (last?.[1] === i) spans[spans.length - 1] = [last[0], i + 1];
    else spans.push([i, i + 1]);
  }
  return spans;
}
