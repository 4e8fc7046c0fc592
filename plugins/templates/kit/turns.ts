import { EvolveError, type TurnsExample } from '../../../core/index.js';

/** A conversation that goes to and fro: what the system says first, and then questions with their answers. */
export interface Conversation {
  readonly system?: string | undefined;
  readonly exchanges: readonly {
    readonly question: string;
    readonly answer: string;
    readonly trained: boolean;
  }[];
}

const WITH_TOOLS =
  'Take data.template: chat, which words tools as the model knows them, or leave out the records with tools.';

/**
 * A conversation without tools: a system turn or none, then user and assistant in turn, the assistant last.
 *
 * @param template whose name the error tells
 * @throws EvolveError DATA_RECORD if the turns are others, or one is trained on that is no answer
 */
export function conversationOf(
  template: string,
  { turns, tools }: Pick<TurnsExample, 'turns' | 'tools'>,
): Conversation {
  const refuse = (at: number, found: string): never => {
    const message = `turn ${at + 1} of ${turns.length} ${found}`;
    const advice = `The template "${template}" takes a system turn or none, then user and assistant in turn, the assistant last; it trains on the assistant's alone.`;
    throw new EvolveError('DATA_RECORD', message, advice);
  };
  if (tools) {
    const message = `the conversation offers tools, for which the template "${template}" has no words`;
    throw new EvolveError('DATA_RECORD', message, WITH_TOOLS);
  }
  const first = turns[0]?.role === 'system' ? 1 : 0;
  const spoken = turns.slice(first);
  if (spoken.length === 0) refuse(turns.length, 'is missing');
  for (const [i, { role, trained, calls }] of turns.entries()) {
    const expected = i < first ? 'system' : (i - first) % 2 === 0 ? 'user' : 'assistant';
    if (role !== expected) refuse(i, `is by "${role}", but the template "${template}" expects "${expected}"`);
    if (calls?.length) {
      const message = `turn ${i + 1} of ${turns.length} calls a tool, for which the template "${template}" has no words`;
      throw new EvolveError('DATA_RECORD', message, WITH_TOOLS);
    }
    if (trained && role !== 'assistant') refuse(i, `is by "${role}" and to be trained on`);
  }
  if (spoken.length % 2 !== 0) refuse(turns.length - 1, 'is by "user", and no answer follows');
  const exchanges = Array.from({ length: spoken.length / 2 }, (_, i) => {
    const [question, answer] = spoken.slice(2 * i, 2 * i + 2);
    return { question: question.content, answer: answer.content, trained: answer.trained };
  });
  return { ...(first === 1 && { system: turns[0].content }), exchanges };
}
