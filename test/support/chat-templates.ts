/** What test/fixtures/make_chat_templates.py writes, and encoders in the words of a chat template. */

import { readFileSync } from 'node:fs';
import type { TokenTemplate, Turn } from '../../core/index.js';
import { CausalEncoder } from '../../plugins/backbones/kit/encoder.js';
import { choose } from './choice.js';
import { compose, readFixture } from './compose.js';
import { fixture } from './files.js';
import { requestOf, tokenizerFile, tokenizerOf } from './tokenizers.js';

interface Message {
  readonly role: Turn['role'];
  readonly content: string;
  readonly tool_calls?: readonly {
    readonly function: { readonly name: string; readonly arguments: unknown };
  }[];
}

export interface ChatConversation {
  readonly messages: readonly Message[];
  readonly tools?: readonly unknown[];
  readonly add_generation_prompt?: boolean;
}

/** The text; with `spans` those of what the assistant says, in code points. */
export type Rendering =
  | string
  | { readonly text: string; readonly spans: readonly (readonly [number, number])[] }
  | { readonly refused: string }
  | { readonly failed: string };

interface Expected {
  readonly variables: Readonly<Record<string, string>>;
  readonly date: string;
  readonly conversations: Readonly<Record<string, ChatConversation>>;
  readonly renderings: Readonly<Record<string, Readonly<Record<string, Rendering>>>>;
  readonly rows: readonly {
    readonly tokenizer: string;
    readonly template: string;
    readonly tokens: Readonly<Record<string, string>>;
    readonly added: readonly object[];
    readonly rows: Readonly<
      Record<string, { readonly ids: readonly number[]; readonly mask?: readonly number[] }>
    >;
  }[];
}

export const EXPECTED_CHATS = readFixture<Expected>('chat-templates.json');

/** The text of a template of test/fixtures/chat-templates/. */
export function templateText(name: string): string {
  return readFileSync(fixture('chat-templates', `${name}.jinja`), 'utf8');
}

/** The turns of a conversation of the fixture. All of the assistant's are trained on. */
export function turnsOf({ messages }: ChatConversation): Turn[] {
  return messages.map(({ role, content, tool_calls: calls }) => ({
    role,
    content,
    trained: role === 'assistant',
    ...(calls && { calls: calls.map((call) => call.function) }),
  }));
}

export interface ChatModel {
  /** A file of test/fixtures/tokenizers/. */
  readonly tokenizer: string;
  readonly settings: object;
  readonly added?: readonly object[];
  readonly files?: Readonly<Record<string, object | Uint8Array>>;
  /** Of the template. */
  readonly options?: object;
}

/** The encoder of a model with this tokenizer and the chat template of its settings. */
export async function chatEncoder({
  tokenizer,
  settings,
  added = [],
  files = {},
  options = {},
}: ChatModel): Promise<CausalEncoder> {
  const json = JSON.parse(Buffer.from(tokenizerFile(`${tokenizer}.json`)).toString());
  json.added_tokens.push(...added);
  const all = { 'tokenizer.json': json, 'tokenizer_config.json': settings, ...files };
  const { hooks } = await compose(choose('templates', 'chat', { options }));
  const template = (await hooks.makeTemplate.promise({
    name: 'chat',
    model: requestOf(all),
  })) as TokenTemplate;
  return new CausalEncoder(await tokenizerOf(all), template);
}
