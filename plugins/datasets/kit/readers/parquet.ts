/** The rows of a Parquet file. */

import { stat } from 'node:fs/promises';
import { EvolveError, messageOf, STDIN } from '../../../../core/index.js';
import type { RawRecord } from '../raw-record.js';
import { nameOf } from './bytes.js';

/** A file may have all of its rows in one group, which would not fit into memory. */
const MOST_ROWS = 10_000;

/** @throws EvolveError DATA_FILE if it is damaged, or has what the reader does not know */
export async function* readParquet(file: string): AsyncGenerator<RawRecord> {
  const [{ asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects }, { compressors }] =
    await Promise.all([import('hyparquet'), import('hyparquet-compressors')]);
  if (file === STDIN || !(await stat(file)).isFile()) {
    const message = `${nameOf(file)}: is a Parquet table, which can be read from a file alone`;
    throw new EvolveError('DATA_FILE', message, 'Write it to a file, and name that.');
  }
  let number = 0;
  try {
    const buffer = await asyncBufferFromFile(file);
    const metadata = await parquetMetadataAsync(buffer);
    let groupStart = 0;
    for (const { num_rows } of metadata.row_groups) {
      const groupEnd = groupStart + Number(num_rows);
      for (let rowStart = groupStart; rowStart < groupEnd; rowStart += MOST_ROWS) {
        const rowEnd = Math.min(rowStart + MOST_ROWS, groupEnd);
        const rows = await parquetReadObjects({ file: buffer, metadata, compressors, rowStart, rowEnd });
        for (const value of rows) yield { value, where: `record ${++number}` };
      }
      groupStart = groupEnd;
    }
  } catch (cause) {
    if (cause instanceof EvolveError) throw cause;
    const message = `${nameOf(file)}: is a Parquet table that cannot be read behind record ${number}: ${messageOf(cause)}`;
    throw new EvolveError('DATA_FILE', message, 'Fetch or write the file again.', { cause });
  }
}
