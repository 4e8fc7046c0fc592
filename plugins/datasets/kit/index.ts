/** What datasets share, and what a third party's dataset may build on: `evolving-alpaca/datasets`. */

export { FaultList } from './fault-list.js';
export { readJsonExamples } from './json-examples.js';
export { readLines } from './lines.js';
export { type RawRecord, readJsonRecords } from './records.js';
export { toExample } from './to-example.js';
