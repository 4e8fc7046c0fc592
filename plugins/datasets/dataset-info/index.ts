/**
 * Records as LLaMA-Factory reads them by a description in its dataset_info.json: core/data/dataset-info.ts makes a source of
 * one. The rules are those of LLaMA-Factory's data/README.md, and of its parser, converter and processors.
 */

import type { DataSource, Example, Turn, TurnsExample } from '../../../core/index.js';
import { byColumns, RecordFault } from '../kit/by-columns.js';
import { type Cells, type Columns, cellsOf, isBlank, shown, textIn, valueIn } from '../kit/columns.js';
import { defineFormat } from '../kit/define-format.js';
import { historyOf } from '../kit/instruct.js';
import { type MessageKeys, toolsOf, turnsOf } from '../kit/messages.js';
import { pairOf } from '../kit/pair.js';

const NAMES = Object.fromEntries(
  [
    ...['prompt', 'query', 'response', 'history', 'messages', 'system', 'tools', 'chosen', 'rejected'],
    ...['role', 'content'],
  ].map((name) => [name, [name]]),
);

/** What there is where a description names no columns. */
const COLUMNS = { prompt: 'instruction', query: 'input', response: 'output' };

const READING = { format: 'dataset-info', names: NAMES, ofMessages: ['role', 'content'], examplesOf };

export default defineFormat({
  name: 'dataset-info',
  apiVersion: 2,
  about: 'records that a dataset_info.json describes',
  isPreset: true,
  reading: (sample, source) => byColumns(READING, sample, { ...source, columns: source.columns ?? COLUMNS }),
});

function examplesOf(record: unknown, columns: Columns, source: DataSource): Example[] {
  // A file of plain text has a text a line.
  if (typeof record === 'string')
    return record.split('\n').flatMap((text) => (isBlank(text) ? [] : [{ kind: 'text', text }]));
  const cells = cellsOf(record);
  if (!cells)
    throw new RecordFault(`expected { ${Object.values(columns).join(', ')} }, but got ${shown(record)}`);
  if (columns.messages) return [ofMessages(cells, columns, source)];
  return [columns.response || columns.chosen ? ofColumns(cells, columns, source) : textOf(cells, columns)];
}

/** Its pretraining takes what would be asked elsewhere. */
function textOf(cells: Cells, columns: Columns): Example {
  const faults: string[] = [];
  const text = questionOf(cells, columns, faults);
  throwIfAny(faults);
  return { kind: 'text', text };
}

/** Prompt and query are one question, with a line break between them. */
function questionOf(cells: Cells, columns: Columns, faults: string[]): string {
  const texts = ['prompt', 'query'].map((column) => textIn(cells, columns, column, faults));
  return texts.filter((text) => text !== '').join('\n');
}

function ofColumns(cells: Cells, columns: Columns, source: DataSource): Example {
  const faults: string[] = [];
  const question = questionOf(cells, columns, faults);
  const system = textIn(cells, columns, 'system', faults);
  const history = historyOf(valueIn(cells, columns, 'history'), faults);
  const [output, chosen, rejected] = ['response', 'chosen', 'rejected'].map((column) =>
    columns[column] ? textIn(cells, columns, column, faults, true) : '',
  );
  throwIfAny(faults);
  const before = history.flatMap(([asked, answer]) => [user(asked), assistant(answer)]);
  if (columns.chosen)
    return pairOf([...systemTurns(system), ...before, user(question)], chosen, rejected, source);
  const tools = toolsOf(valueIn(cells, columns, 'tools'));
  if (system === '' && before.length === 0 && !tools)
    return { kind: 'instruction', instruction: question, input: '', output };
  return conversation(system, [...before, user(question), assistant(output)], tools);
}

function ofMessages(cells: Cells, columns: Columns, source: DataSource): Example {
  const given = valueIn(cells, columns, 'messages');
  if (!Array.isArray(given))
    throw new RecordFault(`"${columns.messages[0]}" is no list of messages, but ${shown(given)}`);
  const { roles = {} } = source;
  const keys: MessageKeys = { role: columns.role[0], content: columns.content[0] };
  const said = given.map((message: unknown, i) => messageOf(message, i, keys, roles));
  const opens = said[0]?.role === 'system';
  const spoken = opens ? said.slice(1) : said;
  const faults: string[] = [];
  const system = opens ? said[0].content : textIn(cells, columns, 'system', faults);
  throwIfAny(faults);
  for (const [i, { role }] of spoken.entries()) {
    const isAsked = role === 'user' || role === 'tool';
    if (role !== 'system' && isAsked === (i % 2 === 0)) continue;
    const expected = i % 2 === 0 ? 'user or tool' : 'assistant';
    throw new RecordFault(`message ${i + 1 + Number(opens)} is of the ${role}, but expected is ${expected}`);
  }
  if (columns.chosen) {
    const answers = ['chosen', 'rejected'].map((column) =>
      answerOf(valueIn(cells, columns, column), column, keys, roles),
    );
    if (spoken.length % 2 === 0)
      throw new RecordFault('the last message before the two answers is no question');
    return pairOf([...systemTurns(system), ...spoken], answers[0], answers[1], source);
  }
  if (spoken.length === 0) throw new RecordFault('the conversation is empty');
  if (spoken.length % 2 !== 0) throw new RecordFault('the last message is no answer');
  return conversation(system, spoken, toolsOf(valueIn(cells, columns, 'tools')));
}

type Roles = NonNullable<DataSource['roles']>;

/** A message as a turn. No key of it counts but two, and no role but those that the description names. */
function messageOf(message: unknown, i: number, keys: MessageKeys, roles: Roles): Turn {
  const fields = (message ?? {}) as Readonly<Record<string, unknown>>;
  const [role, content] = [fields[keys.role], fields[keys.content]];
  if (typeof role !== 'string' || !Object.hasOwn(roles, role)) {
    const known = Object.keys(roles).join(', ');
    throw new RecordFault(`message ${i + 1} is by ${shown(role)}, which is none of the tags ${known}`);
  }
  if (typeof content !== 'string')
    throw new RecordFault(`message ${i + 1} has no text in "${keys.content}", but ${shown(content)}`);
  try {
    return turnsOf([{ role, content }], roles)[0];
  } catch (error) {
    if (!(error instanceof RecordFault)) throw error;
    throw new RecordFault(error.message.replace(/^message 1\b/, `message ${i + 1}`));
  }
}

function answerOf(answer: unknown, column: string, keys: MessageKeys, roles: Roles): string {
  const { role, content } = messageOf(answer, 0, keys, roles);
  if (role !== 'assistant') throw new RecordFault(`"${column}" is of the ${role}, and no answer`);
  return content;
}

function conversation(
  system: string,
  turns: readonly Turn[],
  tools: readonly unknown[] | undefined,
): TurnsExample {
  const whole = [...systemTurns(system), ...turns];
  return tools ? { kind: 'turns', turns: whole, tools } : { kind: 'turns', turns: whole };
}

function systemTurns(content: string): Turn[] {
  return content === '' ? [] : [{ role: 'system', content, trained: false }];
}

function user(content: string): Turn {
  return { role: 'user', content, trained: false };
}

function assistant(content: string): Turn {
  return { role: 'assistant', content, trained: content.trim() !== '' };
}

function throwIfAny(faults: readonly string[]): void {
  if (faults.length > 0) throw new RecordFault(faults.join(', '));
}
