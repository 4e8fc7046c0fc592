/** A prompt with two answers, of which people prefer one. Training takes pairs in preference tuning, or the chosen alone. */

import type { DataSource, Example, Turn } from '../../../core/index.js';
import { byColumns, RecordFault } from '../kit/by-columns.js';
import { type Cells, type Columns, cellsOf, isBlank, shown, valueIn } from '../kit/columns.js';
import { defineFormat } from '../kit/define-format.js';
import { turnsOf } from '../kit/messages.js';
import { pairOf } from '../kit/pair.js';

const NAMES = {
  prompt: ['prompt', 'question', 'instruction', 'conversations', 'messages'],
  input: ['input'],
  chosen: ['chosen', 'chosen_messages', 'chosen_response'],
  rejected: ['rejected', 'rejected_messages', 'rejected_response'],
};

const READING = { format: 'preference', names: NAMES, examplesOf };

export default defineFormat({
  name: 'preference',
  apiVersion: 2,
  about: 'prompts with a chosen and a rejected answer',
  reading: (...args) => byColumns(READING, ...args),
});

function examplesOf(record: unknown, columns: Columns, source: DataSource): Example[] {
  const { roles } = source;
  const cells = cellsOf(record);
  const [chosen, rejected] = ['chosen', 'rejected'].map((column) => cells && valueIn(cells, columns, column));
  if (!cells || isBlank(chosen) || isBlank(rejected))
    throw new RecordFault(
      `expected ${columns.chosen[0]} and ${columns.rejected[0]}, but got ${shown(record)}`,
    );
  const answers = [chosen, rejected].map((answer) => answerOf(answer, roles));
  // A conversation that an answer ends has the prompt in it.
  const turns = answers[0].before.length > 0 ? answers[0].before : promptOf(cells, columns, roles);
  const [{ content: best }, { content: worst }] = answers.map(({ last }) => last);
  return [pairOf(turns, best, worst, source)];
}

/** What was said before both answers. */
function promptOf(cells: Cells, columns: Columns, roles: DataSource['roles']): Turn[] {
  const prompt = valueIn(cells, columns, 'prompt');
  if (isBlank(prompt)) return [];
  if (typeof prompt !== 'string') return turnsOf(prompt, roles);
  const input = valueIn(cells, columns, 'input');
  const content = isBlank(input) ? prompt : `${prompt}\n${String(input)}`;
  return [{ role: 'user', content, trained: false }];
}

/** An answer: a text, a message, or the whole conversation that it ends. */
function answerOf(answer: unknown, roles: DataSource['roles']): { before: Turn[]; last: Turn } {
  if (typeof answer === 'string')
    return { before: [], last: { role: 'assistant', content: answer, trained: true } };
  const turns = turnsOf(Array.isArray(answer) ? answer : [answer], roles);
  const last = turns[turns.length - 1];
  if (last.role !== 'assistant') throw new RecordFault(`the last message of an answer is by ${last.role}`);
  return { before: turns.slice(0, -1), last };
}
