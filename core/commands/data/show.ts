/** `evolve data show NAME|FILE`: what the catalogue says of a name; a file is inspected. */

import { existsSync } from 'node:fs';
import { EvolveError } from '../../base/errors.js';
import { suggest } from '../../base/suggest.js';
import { type CatalogueEntry, readCatalogue } from '../../data/catalogue.js';
import { dataInspectCommand } from './inspect.js';
import type { SourceOptions } from './source.js';

export async function dataShowCommand(name: string, options: SourceOptions): Promise<void> {
  const catalogue = readCatalogue();
  const entry = Object.hasOwn(catalogue, name) ? catalogue[name] : undefined;
  if (!entry && (existsSync(name) || name.startsWith('hub:')))
    return dataInspectCommand(name, { ...options, rows: 3, template: 'alpaca' });
  if (!entry) {
    const message = `there is no data name "${name}"${suggest(name, Object.keys(catalogue))}, and no such file`;
    throw new EvolveError('DATA_UNKNOWN', message, '`evolve data list` lists the names.');
  }
  if (options.json) process.stdout.write(`${JSON.stringify({ type: 'dataset', name, ...entry })}\n`);
  else
    process.stdout.write(
      `${name}: ${entry.about}\n${linesOf(entry)
        .map(([key, value]) => `${key}: ${value}\n`)
        .join('')}`,
    );
}

/** What is known of it, a line each. */
function linesOf(entry: ReturnType<typeof readCatalogue>[string]): [key: string, value: string][] {
  if ('parts' in entry) return [['made of', entry.parts.join(', ')]];
  const { languages, task, made, rows, licence, origin, format, columns, sample, source } = entry;
  const known: [string, string | undefined][] = [
    ['languages', languages?.join(', ')],
    ['task', task],
    ['made', made],
    ['rows', rows?.toLocaleString('en-US')],
    ['licence', licence],
    ['origin', origin],
    ['format', format + (columns ? ` (${Object.keys(columns).join(', ')} named)` : '')],
    ['sample', sample],
    ['full', placeOf(source)],
  ];
  return known.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]]));
}

function placeOf({ hub, revision, subset, split, files, size }: CatalogueEntry['source']): string {
  const parts = [
    ...(files ?? []),
    ...(subset ? [`subset ${subset}`] : []),
    ...(split ? [`split ${split}`] : []),
  ];
  return `${hub}${revision ? `@${revision}` : ''} on the hub${parts.length > 0 ? `: ${parts.join(', ')}` : ''}${size ? `, ${size}` : ''}`;
}
