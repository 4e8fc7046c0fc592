/** What datasets share, and what a third party's dataset may build on: `evolving-alpaca/datasets`. */

export {
  type Cells,
  type ColumnNames,
  type Columns,
  cellsOf,
  chosenColumns,
  columnsOf,
  textIn,
  toldOf,
  valueIn,
} from './columns.js';
export { defineFormat } from './define-format.js';
export { FaultList } from './fault-list.js';
export type { Format, Reading } from './format.js';
export { readLines } from './lines.js';
export type { RawRecord } from './raw-record.js';
export { type RecordSource, readRecords } from './records.js';
