/**
 * Where the answers stand in a rendered conversation. A template need not treat a turn alike wherever it stands (it may leave
 * out the reasoning of earlier ones), and it may trim or part what it is given. So an answer is not searched for: what of
 * the text changes with it is the answer, and it begins where the template asks for one.
 */

import { EvolveError } from '../../../core/index.js';
import type { Message } from './messages.js';

/** The places of an answer: what is trained on, and behind it what may hold the end token. */
export interface Answer {
  readonly start: number;
  readonly end: number;
}

/** Renders messages, with or without the request for an answer behind them. @throws EvolveError DATA_RECORD */
export type Render = (messages: readonly Message[], asks: boolean) => string;

/** What stands in the place of an answer: a noncharacter, which no text holds. */
const OTHER = '\ufdd4';

/**
 * @param whole all messages rendered
 * @param at the answer's place among the messages
 * @throws EvolveError DATA_RECORD if the template does not write all of it
 */
export function answerIn(whole: string, render: Render, messages: readonly Message[], at: number): Answer {
  const changed = changedBy(whole, render, messages, at);
  const prompt = attempt(() => render(messages.slice(0, at), true));
  const start = prompt === undefined ? changed.start : startOf(whole, prompt, changed.start);
  const answer = { start: Math.min(start, changed.end), end: changed.end };
  if (!holds(whole.slice(answer.start, answer.end), messages[at])) {
    // The template may have written the beginning of the answer into its request.
    const before = attempt(() => render(messages.slice(0, at), false)) ?? '';
    checkWhole(whole.slice(common(before, whole), answer.end), messages, at);
  }
  return answer;
}

/** What of the text is other when the answer is. */
function changedBy(whole: string, render: Render, messages: readonly Message[], at: number): Answer {
  const other = messages.map((message, i) => (i === at ? { role: message.role, content: OTHER } : message));
  const changed = attempt(() => render(other, false));
  if (changed !== undefined) return difference(whole, changed);
  // A template may want a result of a tool to follow a call: then nothing follows.
  const [own, theirs] = [messages, other].map((all) => render(all.slice(0, at + 1), false));
  const found = difference(own, theirs);
  if (whole.startsWith(own.slice(0, found.end))) return found;
  const message = `turn ${at + 1} of ${messages.length}: the chat template words it in another way once another turn follows, and where its answer is cannot be told`;
  throw new EvolveError('DATA_RECORD', message, 'Make an example of each answer, with what came before it.');
}

function difference(text: string, other: string): Answer {
  const start = common(text, other);
  let same = 0;
  const most = Math.min(text.length, other.length) - start;
  while (same < most && text[text.length - 1 - same] === other[other.length - 1 - same]) same++;
  return { start, end: text.length - same };
}

/** Where an answer begins: behind the request for it, or where the template goes on in another way than it asks. */
function startOf(whole: string, prompt: string, changed: number): number {
  return whole.startsWith(prompt) ? prompt.length : Math.min(common(whole, prompt), changed);
}

/** How long the beginning is that both have. */
export function common(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  // Characters stay whole.
  return /[\ud800-\udbff]/.test(a[length - 1] ?? '') ? length - 1 : length;
}

/** @throws EvolveError DATA_RECORD if the text does not have all that the message says */
export function checkWhole(text: string, messages: readonly Message[], at: number): void {
  if (holds(text, messages[at])) return;
  const message = `turn ${at + 1} of ${messages.length} is to be trained on, but the chat template does not write all of it; many leave out the reasoning of earlier answers`;
  const advice =
    'Make an example of each answer, with what came before it, or set train: false on such turns.';
  throw new EvolveError('DATA_RECORD', message, advice);
}

/** Whether all of a content is there; templates change the white space around its parts. */
function holds(text: string, { content }: Message): boolean {
  return text.includes(content) || squeezed(text).includes(squeezed(content));
}

function squeezed(text: string): string {
  // Python takes some control characters for white space. Marks may be parted from what they mark.
  return text.replace(/[\s\p{Cc}\ufdd2\ufdd3]+/gu, '');
}

/** What `make` makes; undefined where the template refuses it. */
function attempt(make: () => string): string | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof EvolveError && error.code === 'DATA_RECORD') return undefined;
    throw error;
  }
}
