/** `evolve data list`: the names of the catalogue. */

import { readCatalogue } from '../../data/catalogue.js';
import type { JsonOption } from './source.js';

export async function dataListCommand({ json }: JsonOption): Promise<void> {
  const entries = Object.entries(readCatalogue());
  const width = Math.max(...entries.map(([name]) => name.length));
  for (const [name, entry] of entries) {
    const rows =
      'rows' in entry && entry.rows !== undefined ? `, ${entry.rows.toLocaleString('en-US')} rows` : '';
    process.stdout.write(
      json
        ? `${JSON.stringify({ type: 'dataset', name, ...entry })}\n`
        : `${name.padEnd(width)}  ${entry.about}${rows}\n`,
    );
  }
}
