/** An example as a template has it, with what is trained on marked. */

import { EvolveError } from '../base/errors.js';
import { printable } from '../base/printable.js';
import type { Example, Prompt, TurnsExample } from '../contracts/dataset.js';
import { unknownKind } from '../contracts/dataset.js';
import type { Template } from '../contracts/template.js';

const END = '⟨end⟩';

/** @param isColored whether what is trained on is green; else it stands between marks */
export function renderExample(example: Example, template: Template, isColored: boolean): string {
  const trained = (text: string) =>
    isColored ? `\x1b[32m${printable(text)}\x1b[39m` : `⟦${printable(text)}⟧`;
  const part = (text: string, isTrained: boolean) => (isTrained ? trained(text) : printable(text));
  switch (example.kind) {
    case 'text':
      return `${trained(example.text + END)}\n`;
    case 'preference':
      return `${printable(promptText(example.prompt))}\nchosen: ${printable(example.chosen)}\nrejected: ${printable(example.rejected)}\n`;
    case 'instruction':
    case 'turns':
      try {
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
