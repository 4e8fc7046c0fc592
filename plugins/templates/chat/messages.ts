/** Conversations as chat templates take them: OpenAI's messages. */

import {
  EvolveError,
  type InstructionExample,
  type Prompt,
  type Turn,
  type TurnsExample,
} from '../../../core/index.js';

export interface Message {
  readonly role: Turn['role'];
  readonly content: string;
  readonly tool_calls?: readonly Call[];
  readonly tool_call_id?: string;
  readonly name?: string;
}

interface Call {
  readonly id: string;
  readonly type: 'function';
  readonly function: { readonly name: string; readonly arguments: unknown };
}

export interface Conversation {
  readonly messages: readonly Message[];
  /** Which messages are trained on: those of the assistant, or some of them. */
  readonly trained: readonly boolean[];
  /** Undefined where there are none. */
  readonly tools?: readonly unknown[] | undefined;
}

/** @throws EvolveError DATA_RECORD if a turn is trained on that is not the assistant's */
export function conversationOf(example: InstructionExample | TurnsExample): Conversation {
  const turns = example.kind === 'turns' ? example.turns : turnsOf(example);
  const strange = turns.findIndex(({ trained, role }) => trained && role !== 'assistant');
  if (strange >= 0) {
    const message = `turn ${strange + 1} of ${turns.length} is by "${turns[strange].role}" and to be trained on`;
    throw new EvolveError('DATA_RECORD', message, "A chat template trains on the assistant's turns alone.");
  }
  const tools = example.kind === 'turns' ? example.tools?.map(toolOf) : undefined;
  return { messages: messagesOf(turns), trained: turns.map(({ trained }) => trained), tools };
}

/** The messages of a prompt. */
export function messagesOfPrompt(prompt: Prompt): readonly Message[] {
  return messagesOf('turns' in prompt ? prompt.turns : [questionOf(prompt)]);
}

function turnsOf(example: InstructionExample): Turn[] {
  return [questionOf(example), { role: 'assistant', content: example.output, trained: true }];
}

function questionOf({ instruction, input }: Pick<InstructionExample, 'instruction' | 'input'>): Turn {
  const content = input === '' ? instruction : `${instruction}\n${input}`;
  return { role: 'user', content, trained: false };
}

/** Calls are numbered, and results belong to the calls before them, one by one. */
function messagesOf(turns: readonly Pick<Turn, 'role' | 'content' | 'calls'>[]): Message[] {
  let count = 0;
  let open: { id: string; name: string }[] = [];
  return turns.map(({ role, content, calls = [] }) => {
    if (role === 'tool') {
      const [call, ...rest] = open;
      open = rest;
      return { role, content, ...(call && { tool_call_id: call.id, name: call.name }) };
    }
    if (calls.length === 0) return { role, content };
    // Nine letters and digits, as some templates demand.
    const named = calls.map((call) => ({ ...call, id: `call${String(++count).padStart(5, '0')}` }));
    open = named;
    const tool_calls = named.map(({ id, name, arguments: given }) => ({
      id,
      type: 'function' as const,
      function: { name, arguments: given },
    }));
    return { role, content, tool_calls };
  });
}

/** The messages with the arguments of calls as texts of JSON; undefined where there are none that are not. */
export function withTextArguments(messages: readonly Message[]): Message[] | undefined {
  const isText = ({ function: { arguments: given } }: Call) => typeof given === 'string';
  if (messages.every(({ tool_calls = [] }) => tool_calls.every(isText))) return undefined;
  const asText = (call: Call): Call =>
    isText(call)
      ? call
      : { ...call, function: { ...call.function, arguments: JSON.stringify(call.function.arguments) } };
  return messages.map((message) => ({
    ...message,
    ...(message.tool_calls && { tool_calls: message.tool_calls.map(asText) }),
  }));
}

/** A tool as OpenAI and transformers describe it; some data has what is under `function` alone. */
function toolOf(tool: unknown): unknown {
  const isBare = typeof tool === 'object' && tool !== null && 'name' in tool && !('function' in tool);
  return isBare ? { type: 'function', function: tool } : tool;
}
