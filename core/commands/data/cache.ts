import { displayPath } from '../../base/paths.js';
import { printable } from '../../base/printable.js';
import { TokenCache } from '../../data/token-cache.js';

/** `evolve data cache`: what the token cache holds, newest first; with `clear`, empties it. */
export async function dataCacheCommand({ clear, json }: { clear?: true; json?: true }): Promise<void> {
  const cache = new TokenCache();
  const entries = await cache.list();
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  const say = (line: object, text: string) =>
    process.stdout.write(json ? `${JSON.stringify(line)}\n` : printable(`${text}\n`));
  if (clear) {
    await cache.clear();
    say(
      { type: 'cleared', folder: cache.folder, corpora: entries.length, bytes },
      `removed ${mebibytes(bytes)} from ${displayPath(cache.folder)}`,
    );
    return;
  }
  for (const entry of entries) {
    const used = entry.used.toISOString().slice(0, 10);
    say(
      { type: 'corpus', ...entry },
      `${used}  ${mebibytes(entry.bytes).padStart(10)}  ${entry.rows.toLocaleString('en-US').padStart(12)} rows  ${entry.names.join(', ')}`,
    );
  }
  if (!json)
    say({}, `${entries.length} encoded corpora, ${mebibytes(bytes)}, in ${displayPath(cache.folder)}`);
}

const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
