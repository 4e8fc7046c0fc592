/** Examples as records of a file: messages, as most programs read them, or instructions, as Alpaca's files have them. */

import { EvolveError } from '../../base/errors.js';
import type { Example, Prompt, Turn } from '../../contracts/dataset.js';
import { unknownKind } from '../../contracts/dataset.js';
import type { SchemaElement, TableShape } from './record-writer.js';

/** What a file of examples can hold. */
export const SHAPES = ['messages', 'instructions'] as const;
export type Shape = (typeof SHAPES)[number];

interface Message {
  readonly role: string;
  readonly content: string;
  readonly tool_calls?: readonly object[];
  /** Only where an assistant's message is not trained on. */
  readonly train?: false;
}

/** An example as a record of this shape. @throws EvolveError DATA_RECORD if the shape has no room for it */
export function recordOf(example: Example, shape: Shape): object {
  const { source, language } = example;
  const origin = { ...(source !== undefined && { source }), ...(language !== undefined && { language }) };
  return { ...(shape === 'messages' ? messagesOf(example) : instructionOf(example)), ...origin };
}

function messagesOf(example: Example): object {
  switch (example.kind) {
    case 'text':
      return { text: example.text };
    case 'instruction':
      return { messages: [...asked(example), { role: 'assistant', content: example.output }] };
    case 'turns':
      return {
        messages: example.turns.map(messageOf),
        ...(example.tools && { tools: JSON.stringify(example.tools) }),
      };
    case 'tokens': {
      const message = `${example.source ?? 'the data'} has rows in tokens, which have no words`;
      throw new EvolveError('DATA_RECORD', message, 'Convert what the tokens were made of.');
    }
    case 'preference': {
      const { prompt, chosen, rejected } = example;
      return { prompt: asked(prompt), chosen: [answer(chosen)], rejected: [answer(rejected)] };
    }
    default:
      return unknownKind(example);
  }
}

/** Instruction and input are one question, with a line break between them. */
function asked(prompt: Prompt): Message[] {
  if ('turns' in prompt) return prompt.turns.map(({ role, content }) => ({ role, content }));
  const { instruction, input } = prompt;
  return [{ role: 'user', content: input === '' ? instruction : `${instruction}\n${input}` }];
}

function answer(content: string): Message {
  return { role: 'assistant', content };
}

function messageOf({ role, content, trained, calls }: Turn): Message {
  return {
    role,
    content,
    ...(calls &&
      calls.length > 0 && { tool_calls: calls.map((call) => ({ type: 'function', function: call })) }),
    ...(role === 'assistant' && !trained && { train: false as const }),
  };
}

function instructionOf(example: Example): object {
  if (example.kind === 'instruction') {
    const { instruction, input, output } = example;
    return { instruction, input, output };
  }
  const turns = example.kind === 'turns' && !example.tools ? example.turns : [];
  const [question, output] = turns;
  if (turns.length === 2 && question.role === 'user' && output.trained && !output.calls?.length)
    return { instruction: question.content, input: '', output: output.content };
  const what = {
    text: 'a text',
    turns: 'a conversation',
    tokens: 'a row in tokens',
    preference: 'a pair of answers',
  }[example.kind];
  throw new EvolveError(
    'DATA_RECORD',
    `${example.source ?? 'the data'} has ${what}, which is no instruction with one answer`,
    'Write messages: --as messages',
  );
}

const TEXT = { type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' } as const;

/** A list of messages: of what Parquet's types can say of them. Calls of tools are JSON in a text. */
function messageColumn(name: string): SchemaElement[] {
  const keys = ['role', 'content', 'tool_calls', 'train'];
  return [
    { name, repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', repetition_type: 'OPTIONAL', num_children: keys.length },
    ...keys.map(
      (key): SchemaElement =>
        key === 'train'
          ? { name: key, type: 'BOOLEAN', repetition_type: 'OPTIONAL' }
          : { name: key, ...TEXT },
    ),
  ];
}

const inText = (name: string) => (record: object) => (record as Record<string, unknown>)[name] ?? null;
const inMessages = (name: string) => (record: object) =>
  (record as Record<string, readonly Message[] | undefined>)[name]?.map((message) => ({
    role: message.role,
    content: message.content,
    tool_calls: message.tool_calls ? JSON.stringify(message.tool_calls) : null,
    train: message.train ?? null,
  })) ?? null;

const textColumn = (name: string): SchemaElement => ({ name, ...TEXT });

function tableWith(lists: readonly string[], texts: readonly string[]): TableShape {
  return {
    schema: [...lists.flatMap(messageColumn), ...texts.map(textColumn)],
    columns: Object.fromEntries([
      ...lists.map((name) => [name, inMessages(name)]),
      ...texts.map((name) => [name, inText(name)]),
    ]),
  };
}

/** The columns that a record is known by -> how records of its kind stand in Parquet. */
const TABLES: Readonly<Record<string, TableShape>> = {
  messages: tableWith(['messages'], ['tools', 'source', 'language']),
  text: tableWith([], ['text', 'source', 'language']),
  chosen: tableWith(['prompt', 'chosen', 'rejected'], ['source', 'language']),
  instruction: tableWith([], ['instruction', 'input', 'output', 'source', 'language']),
};

/** How a record of `recordOf` stands in Parquet. */
export function tableOf(record: object): TableShape {
  const found = Object.entries(TABLES).find(([column]) => column in record);
  if (!found) throw new TypeError(`a record with ${Object.keys(record).join(', ')} has no table`);
  return found[1];
}
