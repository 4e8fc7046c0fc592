/** Messages of a conversation, under whatever names, as turns. */

import type { DataSource, ToolCall, Turn } from '../../../core/index.js';
import { RecordFault } from './by-columns.js';
import { halfIn, shown } from './columns.js';

type Role = Turn['role'] | 'calls';

/** What others call the roles. `calls` is the assistant that asks tools, with the calls as its text. */
const ROLES: Readonly<Record<string, Role>> = {
  system: 'system',
  developer: 'system',
  ...Object.fromEntries(['user', 'human', 'prompter', 'usr', 'instruction'].map((name) => [name, 'user'])),
  ...Object.fromEntries(
    ['assistant', 'gpt', 'bot', 'model', 'chatgpt', 'moss', 'ai', 'chatbot'].map((name) => [
      name,
      'assistant',
    ]),
  ),
  ...Object.fromEntries(
    ['tool', 'observation', 'function', 'function_response', 'tool_response', 'ipython'].map((name) => [
      name,
      'tool',
    ]),
  ),
  function_call: 'calls',
  tool_call: 'calls',
  tool_calls: 'calls',
};

const ROLE_KEYS = ['role', 'from', 'speaker', 'author'];
const CONTENT_KEYS = ['content', 'value', 'text', 'message'];

/** How messages are read: the roles that a source names, and the usual ones. */
export type RoleNames = DataSource['roles'];

/** What the keys of messages are called that hold who speaks and what is said. */
export interface MessageKeys {
  readonly role: string;
  readonly content: string;
}

/**
 * Turns of a list of messages: `{ role, content }` under usual names, pairs of question and answer, `{ input, output }`, or
 * texts of user and assistant in turn. An assistant's turns are trained on, unless it is empty, or the message says otherwise
 * (`train`, `loss_weight`, `weight`).
 *
 * @throws RecordFault
 */
export function turnsOf(messages: unknown, roles?: RoleNames, keys: Partial<MessageKeys> = {}): Turn[] {
  if (!Array.isArray(messages))
    throw new RecordFault(`expected a list of messages, but got ${shown(messages)}`);
  if (messages.length === 0) throw new RecordFault('the conversation is empty');
  if (messages.every((message) => typeof message === 'string')) {
    return messages.map((content: string, i) => turn(i % 2 === 0 ? 'user' : 'assistant', content, i));
  }
  return messages.flatMap((message: unknown, i) => {
    if (Array.isArray(message) && message.length === 2)
      return [turn('user', textOf(message[0], i), i), turn('assistant', textOf(message[1], i), i)];
    if (typeof message !== 'object' || message === null)
      throw new RecordFault(`message ${i + 1} is ${shown(message)}`);
    const fields = message as Readonly<Record<string, unknown>>;
    return 'output' in fields && 'input' in fields ? pairOf(fields, i) : [turnOf(fields, i, roles, keys)];
  });
}

/** A question with its answer, as xtuner has it: the first has the system's text too. */
function pairOf({ system, input, output }: Readonly<Record<string, unknown>>, i: number): Turn[] {
  const asked = [turn('user', textOf(input, i), i), turn('assistant', textOf(output, i), i)];
  return system === undefined || system === null || system === ''
    ? asked
    : [turn('system', textOf(system, i), i), ...asked];
}

function turnOf(
  fields: Readonly<Record<string, unknown>>,
  i: number,
  roles: RoleNames,
  keys: Partial<MessageKeys>,
): Turn {
  const key = (keys.role ? [keys.role] : ROLE_KEYS).find((name) => typeof fields[name] === 'string');
  const said = key && String(fields[key]);
  if (said === undefined)
    throw new RecordFault(`message ${i + 1} has no role: it has ${Object.keys(fields).join(', ')}`);
  const role = roles?.[said] ?? ROLES[said.toLowerCase()];
  if (role === undefined) {
    const how = `roles: { ${JSON.stringify(said)}: user }`;
    throw new RecordFault(
      `message ${i + 1} is by ${JSON.stringify(said)}, which is no known role (${how} says who it is)`,
    );
  }
  const content = (keys.content ? [keys.content] : CONTENT_KEYS)
    .map((name) => fields[name])
    .find((value) => value !== undefined && value !== null);
  const calls = callsOf(fields.tool_calls ?? fields.function_call ?? undefined, i);
  if (role === 'calls') return asTurn('assistant', '', i, fields, callsOf(content, i));
  if (content === undefined && calls.length === 0) throw new RecordFault(`message ${i + 1} has no text`);
  const { text, calls: inParts } = contentOf(content ?? '', i);
  return asTurn(role, text, i, fields, [...calls, ...inParts]);
}

function asTurn(
  role: Turn['role'],
  content: string,
  i: number,
  fields: Readonly<Record<string, unknown>>,
  calls: readonly ToolCall[],
): Turn {
  const plain = turn(role, content, i);
  const hasWords = role === 'assistant' && (content.trim() !== '' || calls.length > 0);
  const trained = hasWords && isTrained(fields, i);
  return calls.length === 0 ? { ...plain, trained } : { ...plain, trained, calls };
}

/** Whether a message that can be trained on is: weights between 0 and 1 are not supported. */
function isTrained(fields: Readonly<Record<string, unknown>>, i: number): boolean {
  const [key, value] =
    Object.entries(fields).find(([name]) => /^(train|loss_weight|weight|loss)$/.test(name)) ?? [];
  if (value === undefined || value === null || value === true || value === 1) return true;
  if (value === false || value === 0) return false;
  throw new RecordFault(
    `message ${i + 1} has ${key}: ${shown(value)}, but a turn is trained on (1) or is not (0)`,
  );
}

function turn(role: Turn['role'], content: string, i: number): Turn {
  const half = halfIn(content);
  if (half !== undefined) throw new RecordFault(`message ${i + 1} holds half of a character (${half})`);
  return { role, content, trained: role === 'assistant' && content.trim() !== '' };
}

function textOf(value: unknown, i: number): string {
  if (typeof value === 'string') return value;
  throw new RecordFault(`message ${i + 1} is no text, but ${shown(value)}`);
}

/** A text, or the parts of which it is made. */
function contentOf(content: unknown, i: number): { text: string; calls: ToolCall[] } {
  if (!Array.isArray(content)) return { text: textOf(content, i), calls: [] };
  const texts: string[] = [];
  const calls: ToolCall[] = [];
  for (const part of content as Readonly<Record<string, unknown>>[]) {
    const value = part?.text ?? part?.value ?? part?.content;
    switch (typeof part === 'string' ? 'text' : part?.type) {
      case 'text':
        texts.push(textOf(typeof part === 'string' ? part : value, i));
        break;
      case 'reasoning':
      case 'thinking':
        texts.push(`<think>\n${textOf(value ?? part.thinking, i)}\n</think>\n\n`);
        break;
      case 'tool_call':
        calls.push(...callsOf(value, i));
        break;
      default:
        throw new RecordFault(
          `message ${i + 1} has a part of the type ${shown(part?.type)}: text alone is trained on`,
        );
    }
  }
  return { text: texts.join(''), calls };
}

/** What tools are called with: a call or a list of them, as JSON or as its text. */
function callsOf(value: unknown, i: number): ToolCall[] {
  if (value === undefined) return [];
  const parsed = typeof value === 'string' ? parse(value, i) : value;
  return [parsed].flat().map((call: unknown) => {
    const { function: inner = call } = (call ?? {}) as { function?: unknown };
    const { name, arguments: given = {} } = (inner ?? {}) as { name?: unknown; arguments?: unknown };
    if (typeof name !== 'string')
      throw new RecordFault(`message ${i + 1} calls a tool without a name: ${shown(call)}`);
    return { name, arguments: typeof given === 'string' ? parse(given, i) : given };
  });
}

function parse(text: string, i: number): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RecordFault(`message ${i + 1} has a tool call that is no JSON: ${shown(text)}`);
  }
}

/** The tools that a conversation offers: a list, or its text as JSON. Undefined where there are none. */
export function toolsOf(value: unknown): readonly unknown[] | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  try {
    const tools: unknown = typeof value === 'string' ? JSON.parse(value) : value;
    if (Array.isArray(tools)) return tools.length > 0 ? tools : undefined;
  } catch {
    // Said below.
  }
  throw new RecordFault(`"tools" is no list of tools, but ${shown(value)}`);
}
