import type { DataSource, PreferenceExample, Prompt, Turn, TurnsExample } from '../../../core/index.js';
import { RecordFault } from './by-columns.js';

/**
 * Two answers to what was said before them; or, where the source takes the chosen one alone, a conversation that it ends.
 *
 * @throws RecordFault if nothing was said
 */
export function pairOf(
  turns: readonly Turn[],
  chosen: string,
  rejected: string,
  { take }: Pick<DataSource, 'take'>,
): PreferenceExample | TurnsExample {
  if (turns.length === 0) throw new RecordFault('there is no prompt before the two answers');
  if (take === 'chosen')
    return {
      kind: 'turns',
      turns: [
        ...turns.map((turn) => ({ ...turn, trained: false })),
        { role: 'assistant', content: chosen, trained: true },
      ],
    };
  const [only] = turns;
  const prompt: Prompt =
    turns.length === 1 && only.role === 'user'
      ? { instruction: only.content, input: '' }
      : { turns: turns.map(({ role, content }) => ({ role, content })) };
  return { kind: 'preference', prompt, chosen, rejected };
}
