/** Conversations: ShareGPT, OpenAI's chat, UltraChat, MOSS, xtuner, trees of OpenAssistant, pairs of question and answer. */

import type { DataSource, Example, Turn } from '../../../core/index.js';
import { byColumns, RecordFault } from '../kit/by-columns.js';
import { type Cells, type Columns, cellsOf, columnsOf, isBlank, shown, valueIn } from '../kit/columns.js';
import { defineFormat } from '../kit/define-format.js';
import { toolsOf, turnsOf } from '../kit/messages.js';
import { branchesOf, isTree } from './tree.js';

const NAMES = {
  messages: [
    'messages',
    'conversations',
    'conversation',
    'dialogue',
    'dialog',
    'chat',
    'turns',
    'data',
    'items',
  ],
  system: ['system', 'system_prompt', 'meta_instruction'],
  tools: ['tools', 'functions'],
  role: [],
  content: [],
};

const READING = {
  format: 'chat',
  names: NAMES,
  ofMessages: ['role', 'content'],
  otherwise: 'trees of messages',
  examplesOf: conversations,
};

export default defineFormat({
  name: 'chat',
  apiVersion: 2,
  about: 'conversations',
  reading: (...args) => byColumns(READING, ...args),
  doubt: (sample) =>
    ['chosen', 'rejected'].every((column) => columnsOf(sample).has(column))
      ? 'there are chosen and rejected answers'
      : undefined,
});

function conversations(record: unknown, columns: Columns, { roles }: DataSource): Example[] {
  if (isTree(record)) return branchesOf(record).map((messages) => conversation(turnsOf(messages, roles)));
  const cells = isList(record) ? { messages: record } : cellsOf(record);
  const messages = cells && valueIn(cells, isList(record) ? { messages: ['messages'] } : columns, 'messages');
  if (!cells || messages === undefined)
    throw new RecordFault(`expected { ${columns.messages?.[0]} }, but got ${shown(record)}`);
  const [role, content] = [columns.role?.[0], columns.content?.[0]];
  const keys = { ...(role && { role }), ...(content && { content }) };
  const turns = turnsOf(ofMoss(messages) ?? messages, roles, keys);
  const system = systemOf(cells, columns);
  const whole = system === undefined || turns[0].role === 'system' ? turns : [system, ...turns];
  return [conversation(whole, toolsOf(valueIn(cells, columns, 'tools')))];
}

function isList(record: unknown): record is unknown[] {
  return Array.isArray(record) && record.some((each) => typeof each === 'object');
}

/** @throws RecordFault if nobody answers */
function conversation(turns: readonly Turn[], tools?: readonly unknown[]): Example {
  const last = turns.map(({ role }) => role).lastIndexOf('assistant');
  if (last < 0) throw new RecordFault('nobody answers: there is nothing to train on');
  // What nobody answers trains nothing.
  const answered = turns.slice(0, last + 1);
  return tools ? { kind: 'turns', turns: answered, tools } : { kind: 'turns', turns: answered };
}

function systemOf(cells: Cells, columns: Columns): Turn | undefined {
  const content = valueIn(cells, columns, 'system');
  if (isBlank(content)) return undefined;
  if (typeof content !== 'string') throw new RecordFault(`"system" is no text, but ${shown(content)}`);
  return { role: 'system', content, trained: false };
}

/** MOSS: `{ turn_1: { Human, MOSS, … }, … }`, each text in marks. */
function ofMoss(messages: unknown): object[] | undefined {
  if (typeof messages !== 'object' || messages === null || Array.isArray(messages)) return undefined;
  const turns = Object.entries(messages).filter(([name]) => /^turn_\d+$/.test(name));
  if (turns.length === 0) return undefined;
  const plain = (text: unknown) =>
    typeof text === 'string' ? text.replace(/^<\|\w+\|>:\s*|\s*<eo[hmtcr]>\s*$/g, '') : text;
  return turns.map(([, said]) => {
    const { Human, MOSS } = said as { Human?: unknown; MOSS?: unknown };
    return { input: plain(Human), output: plain(MOSS) };
  });
}
