import type { Template } from '../../../core/index.js';
import { conversationOf } from './turns.js';

/** The words of a template. */
export interface Wording {
  /** The text up to the place of the first answer; `input` may be empty. */
  opening(instruction: string, input: string, system?: string): string;
  /** The text between an answer and the next. */
  following(instruction: string): string;
  answer(output: string): string;
  /** The same as a chat template, where there is one. */
  readonly chatTemplate?: string | undefined;
}

/** The template of these words. It takes one instruction, or turns of user and assistant. */
export function templateOf(name: string, { opening, following, answer, chatTemplate }: Wording): Template {
  return {
    name,
    ...(chatTemplate !== undefined && { chatTemplate }),
    exchanges(example) {
      switch (example.kind) {
        case 'instruction': {
          const { instruction, input, output } = example;
          return [{ prompt: opening(instruction, input), answer: answer(output), trained: true }];
        }
        case 'turns': {
          const { system, exchanges } = conversationOf(name, example);
          return exchanges.map(({ question, answer: output, trained }, i) => ({
            prompt: i === 0 ? opening(question, '', system) : following(question),
            answer: answer(output),
            trained,
          }));
        }
      }
    },
  };
}
