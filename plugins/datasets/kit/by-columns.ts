import type { DataSource, Example } from '../../../core/index.js';
import { type ColumnNames, type Columns, chosenColumns, columnsOf, toldOf } from './columns.js';
import type { Reading } from './format.js';

/** What is wrong with a record, for the person. */
export class RecordFault extends Error {}

/** How a format reads a source: by its columns, under the names that the format or the source gives them. */
export interface ByColumns {
  /** The format's name. */
  readonly format: string;
  readonly names: ColumnNames;
  /** Which of them are keys of the messages in a record, and no columns of the record itself. */
  readonly ofMessages?: readonly string[];
  /** What was taken for what if no column is there: `each is a text`. */
  readonly otherwise?: string;
  /** @throws RecordFault */
  examplesOf(record: unknown, columns: Columns, source: DataSource): readonly Example[];
}

/** @param sample the first records */
export function byColumns(
  { format, names, ofMessages = [], otherwise = '', examplesOf }: ByColumns,
  sample: readonly unknown[],
  source: DataSource,
): Reading {
  const found = columnsOf(sample);
  const columns = chosenColumns(format, names, found, source, ofMessages);
  return {
    told: toldOf(columns, found) || otherwise,
    examplesOf(record) {
      try {
        return examplesOf(record, columns, source);
      } catch (error) {
        if (error instanceof RecordFault) return error.message;
        throw error;
      }
    },
  };
}
