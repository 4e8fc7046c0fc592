/** An example as a template has it, with what is trained on marked. */

import { EvolveError } from '../base/errors.js';
import { printable } from '../base/printable.js';
import type {
  Example,
  InstructionExample,
  Prompt,
  TokensExample,
  TurnsExample,
} from '../contracts/dataset.js';
import { unknownKind } from '../contracts/dataset.js';
import type { Template, TokenTemplate } from '../contracts/template.js';

/** Stands for the end token where that has no name. */
export const END = '⟨end⟩';

/** What is trained on is green, or stands between marks. */
export function markedText(text: string, isTrained: boolean, isColored: boolean): string {
  if (!isTrained || text === '') return printable(text);
  return isColored ? `\x1b[32m${printable(text)}\x1b[39m` : `⟦${printable(text)}⟧`;
}

/** @param isColored whether what is trained on is green; else it stands between marks */
export function renderExample(example: Example, template: Template, isColored: boolean): string {
  const part = (text: string, isTrained: boolean) => markedText(text, isTrained, isColored);
  switch (example.kind) {
    case 'text':
      return `${part(example.text + END, true)}\n`;
    case 'tokens':
      return `${idsOf(example, part)}\n`;
    case 'preference':
      return `${printable(promptText(example.prompt))}\nchosen: ${printable(example.chosen)}\nrejected: ${printable(example.rejected)}\n`;
    case 'instruction':
    case 'turns':
      try {
        if (template.passages) return `${wordsOf(template, example, part)}\n`;
        const exchanges = template.exchanges(example);
        return `${exchanges.map(({ prompt, answer, trained: isTrained }) => printable(prompt) + part(answer + END, isTrained)).join('')}\n`;
      } catch (error) {
        if (example.kind !== 'turns' || !(error instanceof EvolveError)) throw error;
        return `(${printable(error.message)})\n${turnsText(example, part)}`;
      }
    default:
      return unknownKind(example);
  }
}

/** The ids of the tokens themselves: what they stand for, the model's tokenizer alone knows. */
function idsOf(
  { inputIds, spans }: TokensExample,
  part: (text: string, isTrained: boolean) => string,
): string {
  const borders = [0, ...spans.flat(), inputIds.length];
  const runs = borders.slice(1).map((end, i) => part(inputIds.slice(borders[i], end).join(' '), i % 2 === 1));
  return runs.filter((run) => run !== '').join(' ');
}

/** What the template writes. Which of it are special tokens, a model's tokenizer alone knows. */
function wordsOf(
  template: TokenTemplate,
  example: InstructionExample | TurnsExample,
  part: (text: string, isTrained: boolean) => string,
): string {
  const stretches: { text: string; isTrained: boolean }[] = [];
  const add = (text: string, isTrained: boolean) => {
    const last = stretches.at(-1);
    if (last?.isTrained === isTrained) last.text += text;
    else stretches.push({ text, isTrained });
  };
  for (const { text, labels } of template.passages(example, new Set())) {
    const end = labels === 'end' ? text.trimEnd().length : text.length;
    add(text.slice(0, end), labels !== 'none');
    if (end < text.length) add(text.slice(end), false);
  }
  return stretches.map(({ text, isTrained }) => part(text, isTrained)).join('');
}

/** The turns themselves, where the template has no words for them. */
function turnsText(
  { turns, tools }: TurnsExample,
  part: (text: string, isTrained: boolean) => string,
): string {
  const lines = turns.map(({ role, content, trained, calls = [] }) => {
    const words = [...(content === '' ? [] : [content]), ...calls.map((call) => JSON.stringify(call))];
    return `${role}: ${part(words.join('\n'), trained)}\n`;
  });
  return `${tools ? `tools: ${printable(JSON.stringify(tools))}\n` : ''}${lines.join('')}`;
}

function promptText(prompt: Prompt): string {
  if (!('turns' in prompt))
    return [prompt.instruction, prompt.input].filter((text) => text !== '').join('\n');
  return prompt.turns.map(({ role, content }) => `${role}: ${content}`).join('\n');
}
