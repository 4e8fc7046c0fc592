/** `evolve data inspect FILE|NAME`: what it was taken for, and its first rows as a template has them. */

import { printable } from '../../base/printable.js';
import { renderExample } from '../render-example.js';
import { emptyError, openData, type SourceOptions } from './source.js';

export async function dataInspectCommand(
  what: string,
  options: SourceOptions & { readonly rows: number; readonly template: string },
): Promise<void> {
  const { hooks, sources, examplesOf } = await openData([what], options, { template: options.template });
  const template = await hooks.makeTemplate.promise({ name: options.template });
  if (!template) throw new Error(`the plugin of the template ${options.template} does not answer`);
  let shown = 0;
  const isColored = process.stdout.isTTY === true && !process.env.NO_COLOR;
  if (!options.json) {
    const marked = isColored ? 'green' : 'between ⟦ and ⟧';
    process.stdout.write(`What is trained on is ${marked}; ⟨end⟩ is the end token.\n`);
  }
  for (const source of sources) {
    for await (const example of examplesOf(source)) {
      if (shown >= options.rows) break;
      shown++;
      if (options.json)
        process.stdout.write(`${JSON.stringify({ type: 'row', source: source.name, example })}\n`);
      else
        process.stdout.write(
          printable(`\nrow ${shown} of ${source.name}\n`) + renderExample(example, template, isColored),
        );
    }
  }
  if (shown === 0) throw emptyError([what]);
}
