/** `evolve data inspect FILE|NAME`: what it was taken for, and its first rows as a template, or a model, has them. */

import { printable } from '../../base/printable.js';
import type { Example } from '../../contracts/dataset.js';
import type { Encoder } from '../../contracts/encoder.js';
import { labelsOf } from '../../contracts/labels.js';
import { renderExample } from '../render-example.js';
import { encodedOr, renderTokens } from '../render-tokens.js';
import { emptyError, openData, type SourceOptions } from './source.js';

interface InspectOptions extends SourceOptions {
  readonly rows: number;
  readonly template: string;
  readonly model?: string;
}

export async function dataInspectCommand(what: string, options: InspectOptions): Promise<void> {
  const { template: name, model, json } = options;
  const { sources, assembler, examplesOf } = await openData([what], options, { template: name, model });
  const isColored = process.stdout.isTTY === true && !process.env.NO_COLOR;
  const encoder = model === undefined ? undefined : await assembler.loadEncoder();
  const render = await rendererOf(encoder);
  if (!json) {
    const marked = isColored ? 'green' : 'between ⟦ and ⟧';
    const end = encoder ? 'all tokens are shown' : '⟨end⟩ is the end token';
    process.stdout.write(`What is trained on is ${marked}; ${end}.\n`);
  }
  let shown = 0;
  for (const source of sources) {
    for await (const example of examplesOf(source)) {
      if (shown >= options.rows) break;
      shown++;
      if (json) {
        const row = { type: 'row', source: source.name, example, ...(encoder && tokensOf(encoder, example)) };
        process.stdout.write(`${JSON.stringify(row)}\n`);
      } else {
        process.stdout.write(printable(`\nrow ${shown} of ${source.name}\n`) + render(example));
      }
    }
  }
  if (shown === 0) throw emptyError([what]);

  async function rendererOf(given: Encoder | undefined): Promise<(example: Example) => string> {
    if (given) return (example) => renderTokens(example, given, isColored);
    const template = await assembler.makeTemplate();
    return (example) => renderExample(example, template, isColored);
  }
}

/** The row of an example, or why there is none. */
function tokensOf(encoder: Encoder, example: Example): object {
  const row = encodedOr(encoder, example);
  return typeof row === 'string'
    ? { fault: row }
    : { inputIds: [...row.inputIds], labels: [...labelsOf(row)] };
}
