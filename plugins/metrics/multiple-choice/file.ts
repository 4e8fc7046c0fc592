import type { Prompt } from '../../../core/index.js';
import { RecordFault, readRecords } from '../kit/index.js';

/** A question with its choices. */
export interface ChoiceQuestion {
  readonly prompt: Prompt;
  readonly choices: readonly string[];
  /** Which of them is right, from 0. */
  readonly right: number;
  readonly source?: string | undefined;
  readonly language?: string | undefined;
}

const FORM =
  'Such as {"question": "Which is a fruit?", "choices": ["a pear", "a stone"], "answer": "A"}; the answer is a letter, a number from 0, or the choice itself.';

/** The questions of a file. */
export function choiceQuestions(file: string): ChoiceQuestion[] {
  return readRecords(file, FORM, (value) => {
    const { question, choices, answer, source, language } = (value ?? {}) as Record<string, unknown>;
    if (typeof question !== 'string' || question.trim() === '')
      throw new RecordFault('expected a "question", a text');
    const isTexts = Array.isArray(choices) && choices.every((choice) => typeof choice === 'string' && choice);
    if (!isTexts || choices.length < 2) throw new RecordFault('expected "choices", two texts or more');
    const right = rightOf(answer, choices);
    if (right < 0 || right >= choices.length) {
      const found = JSON.stringify(answer) ?? 'none';
      throw new RecordFault(
        `expected an "answer" that is one of ${choices.length} choices, but got ${found}`,
      );
    }
    return {
      prompt: { instruction: question, input: '' },
      choices,
      right,
      source: typeof source === 'string' ? source : undefined,
      language: typeof language === 'string' ? language : undefined,
    };
  });
}

function rightOf(answer: unknown, choices: readonly string[]): number {
  if (typeof answer === 'number') return Number.isInteger(answer) ? answer : -1;
  if (typeof answer !== 'string') return -1;
  const at = choices.indexOf(answer);
  return at < 0 && /^[A-Za-z]$/.test(answer) ? answer.toUpperCase().charCodeAt(0) - 65 : at;
}
