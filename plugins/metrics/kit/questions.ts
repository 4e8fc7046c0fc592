import type { Example, Prompt } from '../../../core/index.js';

/** What is asked, in the form that the model takes and in that which a person reads. */
export interface Question {
  readonly prompt: Prompt;
  readonly instruction: string;
  readonly input: string;
  /** What the data has as answer. */
  readonly expected?: string;
  /** The end of it that states the answer, where the data says which part of it reasons. */
  readonly conclusion?: string;
  readonly source?: string | undefined;
  readonly language?: string | undefined;
}

/** The first held-out questions: of each source one, then of each another. Texts and pairs of answers ask nothing. */
export function questionsOf(examples: readonly Example[], limit: number): Question[] {
  const bySource = new Map<string | undefined, Question[]>();
  for (const example of examples) {
    const question = questionOf(example);
    if (!question) continue;
    const list = bySource.get(example.source) ?? [];
    bySource.set(example.source, list);
    if (list.length < limit) list.push(question);
  }
  const lists = [...bySource.values()];
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  const inTurn = Array.from({ length: longest }, (_, i) => lists.flatMap((list) => list.slice(i, i + 1)));
  return inTurn.flat().slice(0, limit);
}

function questionOf(example: Example): Question | undefined {
  const { source, language } = example;
  if (example.kind === 'instruction') {
    const { instruction, input, output, rationale } = example;
    const conclusion = rationale && output.slice(rationale[1]).trim();
    return {
      prompt: { instruction, input },
      instruction,
      input,
      expected: output,
      ...(conclusion && { conclusion }),
      source,
      language,
    };
  }
  if (example.kind !== 'turns') return undefined;
  const last = example.turns.map(({ role, trained }) => role === 'assistant' && trained).lastIndexOf(true);
  if (last < 1) return undefined;
  const before = example.turns.slice(0, last).map(({ role, content }) => ({ role, content }));
  const isShort = before.length === 1 && before[0].role === 'user';
  const instruction = before
    .map(({ role, content }) => (isShort ? content : `${role}: ${content}`))
    .join('\n');
  const expected = example.turns[last].content;
  return { prompt: { turns: before }, instruction, input: '', expected, source, language };
}
