import { type DataSource, filesOf } from '../../../core/index.js';
import { nameOf, peek, readBytes } from './readers/bytes.js';
import { splitLines, utf8Of } from './readers/lines.js';
import { openText } from './readers/open-text.js';

/**
 * The lines of a source's files that are not blank. A line ends at byte 10, and at no other character. The files may be packed
 * with gzip or zstd.
 *
 * @throws EvolveError DATA_FILE if a file is no text, or in another encoding than the source says
 */
export async function* readLines(
  { path, encoding }: Pick<DataSource, 'path' | 'encoding'>,
  signal?: AbortSignal,
): AsyncGenerator<{ text: string; where: string }> {
  if (path === undefined) throw new TypeError('readLines: the source has no path');
  const files = await filesOf(path);
  for (const file of files) {
    const name = nameOf(file);
    const { bytes } = await openText(name, await peek(readBytes(file, signal)), encoding);
    for await (const line of splitLines(bytes)) {
      const where = `line ${line.number}, byte ${line.byte}`;
      yield { text: utf8Of(name, line), where: files.length === 1 ? where : `${name}, ${where}` };
    }
  }
}
