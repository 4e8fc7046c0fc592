/** An example as a template has it, with what is trained on marked. */

import { EvolveError } from '../base/errors.js';
import { printable } from '../base/printable.js';
import type { Example, InstructionExample, Prompt, TurnsExample } from '../contracts/dataset.js';
import { unknownKind } from '../contracts/dataset.js';
import type { Tokenizer } from '../contracts/encoder.js';
import type { EncodedExample } from '../contracts/labels.js';
import type { Template, TokenTemplate } from '../contracts/template.js';

const END = '⟨end⟩';

function markedText(text: string, isTrained: boolean, isColored: boolean): string {
  if (!isTrained || text === '') return printable(text);
  return isColored ? `\x1b[32m${printable(text)}\x1b[39m` : `⟦${printable(text)}⟧`;
}

/** @param isColored whether what is trained on is green; else it stands between marks */
export function renderExample(example: Example, template: Template, isColored: boolean): string {
  const part = (text: string, isTrained: boolean) => markedText(text, isTrained, isColored);
  switch (example.kind) {
    case 'text':
      return `${part(example.text + END, true)}\n`;
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

/** What the template writes. Which of it are special tokens, a model's tokenizer alone knows. */
function wordsOf(
  template: TokenTemplate,
  example: InstructionExample | TurnsExample,
  part: (text: string, isTrained: boolean) => string,
): string {
  const passages = template.passages(example, new Set());
  return passages
    .map(({ text, labels }) => {
      if (labels !== 'end') return text === '' ? '' : part(text, labels === 'all');
      const end = text.trimEnd();
      return part(end, true) + part(text.slice(end.length), false);
    })
    .join('');
}

/** A row in its tokens: special ones by their names, all others as the text that they stand for. */
export function renderTokens(
  { inputIds, spans }: EncodedExample,
  tokenizer: Tokenizer,
  isColored: boolean,
): string {
  const names = new Map(Array.from(tokenizer.special ?? [], ([content, id]) => [id, content]));
  const ids = [...inputIds];
  const isTrained = (i: number) => spans.some(([start, end]) => start <= i && i < end);
  let line = '';
  for (let start = 0, end: number; start < ids.length; start = end) {
    end = start + 1;
    while (end < ids.length && isTrained(end) === isTrained(start)) end++;
    line += markedText(textOf(ids, start, end, names, tokenizer), isTrained(start), isColored);
  }
  return `${line}\n`;
}

/** Of tokens in the midst of a row. A tokenizer leaves off the space with which a text begins, so all before are read too. */
function textOf(
  ids: readonly number[],
  start: number,
  end: number,
  names: ReadonlyMap<number, string>,
  tokenizer: Tokenizer,
): string {
  let text = '';
  let from = start;
  const read = (to: number) =>
    tokenizer.decode(ids.slice(0, to)).slice(tokenizer.decode(ids.slice(0, from)).length);
  for (let i = start; i < end; i++) {
    const name = names.get(ids[i]) ?? (ids[i] === tokenizer.eosId ? END : undefined);
    if (name === undefined) continue;
    text += read(i) + name;
    from = i + 1;
  }
  return text + read(end);
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
