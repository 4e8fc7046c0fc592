/** A conversation as the passages of a row. */

import { EvolveError, type Passage } from '../../../core/index.js';
import { answerIn, checkWhole, common, type Render } from './answers.js';
import { GENERATION } from './jinja/render.js';
import type { Conversation, Message } from './messages.js';

/** A passage that may have marks in its text. */
export type MarkedPassage = Pick<Passage, 'text' | 'labels'>;

/**
 * The passages of a whole conversation. A template with `{% generation %}` says by itself what is trained on. Of others it is
 * each answer, and behind it the end token.
 *
 * @throws EvolveError DATA_RECORD if the template refuses the conversation, or leaves something out that is to be trained on
 */
export function passagesOf(
  render: Render,
  { messages, trained }: Pick<Conversation, 'messages' | 'trained'>,
): MarkedPassage[] {
  const whole = render(messages, false);
  if (whole.search(GENERATION) >= 0) return generated(whole, render, messages, trained);
  const answers = messages.flatMap((_, at) => (trained[at] ? [answerIn(whole, render, messages, at)] : []));
  const passages: MarkedPassage[] = [];
  let from = 0;
  const last = trained.lastIndexOf(true);
  // What follows the last answer is its end. The others have it too, as far as it is the same.
  const behind =
    last === messages.length - 1
      ? whole.slice(answers.at(-1)?.end)
      : behindLast(render, messages.slice(0, last + 1));
  for (const { start, end } of answers) {
    const next = end + common(whole.slice(end), behind);
    passages.push({ text: whole.slice(from, start), labels: 'none' });
    passages.push({ text: whole.slice(start, end), labels: 'all' });
    passages.push({ text: whole.slice(end, next), labels: 'end' });
    from = next;
  }
  return [...passages, { text: whole.slice(from), labels: 'none' }];
}

/** What the template writes behind the last of these messages, an answer; nothing where there are none. */
function behindLast(render: Render, messages: readonly Message[]): string {
  if (messages.length === 0) return '';
  const whole = render(messages, false);
  return whole.slice(answerIn(whole, render, messages, messages.length - 1).end);
}

/** The passages that the template itself marks. Those of answers that are not trained on have no labels. */
function generated(
  whole: string,
  render: Render,
  messages: readonly Message[],
  trained: readonly boolean[],
): MarkedPassage[] {
  const parts = whole.split(GENERATION);
  for (const [at, isTrained] of trained.entries()) if (isTrained) checkWhole(parts.join(''), messages, at);
  const blocks = (parts.length - 1) / 2;
  const owners = trained.every((each, at) => each === (messages[at].role === 'assistant'))
    ? Array.from({ length: blocks }, () => true)
    : ownersOf(blocks, render, messages).map((at) => trained[at]);
  return parts.map((text, i) => ({ text, labels: i % 2 === 1 && owners[(i - 1) / 2] ? 'all' : 'none' }));
}

/** Of each block which message it is of: the one with which it first comes. */
function ownersOf(blocks: number, render: Render, messages: readonly Message[]): number[] {
  const owners = messages
    .flatMap(({ role }, at) => (role === 'assistant' ? [at] : []))
    .flatMap((at, _, all) => {
      const count = (end: number) =>
        (render(messages.slice(0, end), false).match(GENERATION)?.length ?? 0) / 2;
      const before = all.filter((other) => other < at).at(-1);
      return Array.from({ length: count(at + 1) - (before === undefined ? 0 : count(before + 1)) }, () => at);
    });
  if (owners.length === blocks) return owners;
  const message =
    'which parts of the conversation belong to which answer cannot be told: {% generation %} of the chat template stands elsewhere once further turns follow';
  throw new EvolveError(
    'DATA_RECORD',
    message,
    'Train on all answers of the conversation, or on the last alone.',
  );
}
