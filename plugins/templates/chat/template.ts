import { EvolveError, messageOf, type Passage, type TokenTemplate } from '../../../core/index.js';
import type { Render } from './answers.js';
import { compile, GENERATION, Refusal, type Variables } from './jinja/render.js';
import { markerOf, unmarkerOf } from './marks.js';
import { type Conversation, conversationOf, messagesOfPrompt, withTextArguments } from './messages.js';
import { type MarkedPassage, passagesOf } from './passages.js';
import type { ChatSource } from './source.js';

export interface ChatOptions {
  /** The named tokens of the model: `eos_token`. */
  readonly tokens: Readonly<Record<string, string>>;
  /** What else the template is given. */
  readonly variables: Variables;
  /** The day that it tells by `strftime_now`; without it there is no such function. */
  readonly date?: Date | undefined;
}

/** @throws EvolveError MODEL_INVALID if the template cannot be read */
export function chatTemplate(source: ChatSource, options: ChatOptions): TokenTemplate {
  const { variables, tokens, date } = options;
  const plain = compiled(source.text, source, date);
  const withTools = source.withTools === undefined ? plain : compiled(source.withTools, source, date);
  const rendererOf =
    (tools: Conversation['tools'] | null = null): Render =>
    (messages, asks) => {
      const given = { ...tokens, ...variables, tools, documents: null, add_generation_prompt: asks };
      const render = tools ? withTools : plain;
      try {
        return render({ ...given, messages });
      } catch (error) {
        // Some templates take what tools are called with as the text of JSON.
        const texts = withTextArguments(messages);
        if (!texts || (error as EvolveError).cause instanceof Refusal) throw error;
        return render({ ...given, messages: texts });
      }
    };
  const marksOf = remembered((special: ReadonlySet<string>) => ({
    mark: markerOf(special),
    unmark: unmarkerOf(special),
  }));
  const unmarked = (passages: readonly MarkedPassage[], special: ReadonlySet<string>): Passage[] =>
    passages.map(({ text, labels }) => ({ ...marksOf(special).unmark(text), labels }));
  return {
    name: 'chat',
    chatTemplate: exportedOf(source, options),
    passages(example, special) {
      const { mark } = marksOf(special);
      const { messages, tools, trained } = conversationOf(example);
      return unmarked(passagesOf(rendererOf(mark(tools)), { messages: mark(messages), trained }), special);
    },
    promptPassages(prompt, special) {
      const messages = marksOf(special).mark(messagesOfPrompt(prompt));
      const text = rendererOf()(messages, true).replace(GENERATION, '');
      return unmarked([{ text, labels: 'none' }], special);
    },
  };
}

function compiled(text: string, { at }: ChatSource, date?: Date): (variables: Variables) => string {
  let render: ReturnType<typeof compile>;
  try {
    render = compile(text, date);
  } catch (cause) {
    const message = `the chat template of ${at} cannot be read: ${messageOf(cause)}`;
    throw new EvolveError('MODEL_INVALID', message, OTHER_TEMPLATE, { cause, at: ['data', 'template'] });
  }
  return (variables) => {
    try {
      return render(variables);
    } catch (cause) {
      const refuses = cause instanceof Refusal;
      const what = refuses ? 'refuses the conversation' : 'cannot word the conversation';
      const message = `the chat template of ${at} ${what}: ${messageOf(cause)}`;
      const needsDate = !refuses && date === undefined && text.includes('strftime_now');
      const advice = needsDate ? DATE : refuses ? 'Change such records, or leave them out.' : OTHER_TEMPLATE;
      throw new EvolveError('DATA_RECORD', message, advice, { cause });
    }
  };
}

const OTHER_TEMPLATE =
  'Take one that you have changed, data.template: { name: chat, path: ./mine.jinja }, or another: alpaca, plain.';
const DATE =
  'It asks for the date of today, which would change from run to run: set one, data.template: { name: chat, date: 2025-01-31 }.';

/** The template for exported models; undefined where theirs is the same. The variables stand in it, unless others are given. */
function exportedOf({ text, isKept }: ChatSource, { variables }: ChatOptions): string | undefined {
  const set = Object.entries(variables).map(
    ([name, value]) => `{% if ${name} is not defined %}{% set ${name} = ${literal(value)} %}{% endif %}\n`,
  );
  return isKept && set.length === 0 ? undefined : set.join('') + text;
}

/** A value of JSON as Jinja writes it. */
function literal(value: unknown): string {
  if (value === null || value === undefined) return 'none';
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (typeof value !== 'object') return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${literal(each)}`);
  return `{${entries.join(', ')}}`;
}

/** The function with its last result kept. */
function remembered<A, R>(make: (argument: A) => R): (argument: A) => R {
  let last: { argument: A; result: R } | undefined;
  return (argument) => {
    if (last?.argument !== argument) last = { argument, result: make(argument) };
    return last.result;
  };
}
