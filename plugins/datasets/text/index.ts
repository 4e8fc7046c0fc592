/** Texts, which are trained on as a whole, as in pretraining: `{ text }`, or files of plain text. */

import type { Example } from '../../../core/index.js';
import { byColumns, RecordFault } from '../kit/by-columns.js';
import { type Columns, cellsOf, columnsOf, shown, textIn } from '../kit/columns.js';
import { defineFormat } from '../kit/define-format.js';

const READING = {
  format: 'text',
  names: { text: ['text', 'content'] },
  otherwise: 'each is a text',
  examplesOf(record: unknown, columns: Columns): Example[] {
    if (typeof record === 'string') return [{ kind: 'text', text: record }];
    const cells = cellsOf(record);
    if (cells?.[columns.text[0]] === undefined)
      throw new RecordFault(`expected { ${columns.text[0]} }, but got ${shown(record)}`);
    const faults: string[] = [];
    const text = textIn(cells, columns, 'text', faults, true);
    if (faults.length > 0) throw new RecordFault(faults.join(', '));
    return [{ kind: 'text', text }];
  },
};

export default defineFormat({
  name: 'text',
  apiVersion: 2,
  about: 'texts',
  reading: (...args) => byColumns(READING, ...args),
  doubt(sample) {
    if (sample.some((record) => typeof record === 'string'))
      return 'plain text may be anything: format: text trains on all of it';
    const further = [...columnsOf(sample)].filter((column) =>
      /^(label|output|answer|response|target)$/.test(column),
    );
    return further.length > 0
      ? `there is ${further.join(', ')} too, which is no part of the text`
      : undefined;
  },
});
