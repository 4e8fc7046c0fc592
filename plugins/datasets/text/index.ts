/** Texts, which are trained on as a whole, as in pretraining: `{ text }`, or files of plain text. */

import { cellsOf, chosenColumns, columnsOf, shown, textIn, toldOf } from '../kit/columns.js';
import { defineFormat } from '../kit/define-format.js';

const NAMES = { text: ['text', 'content'] };

export default defineFormat({
  name: 'text',
  apiVersion: 2,
  about: 'texts',
  reading(sample, source) {
    const found = columnsOf(sample);
    const columns = chosenColumns('text', NAMES, found, source);
    return {
      told: toldOf(columns, found) || 'each is a text',
      examplesOf(record) {
        if (typeof record === 'string') return [{ kind: 'text', text: record }];
        const cells = cellsOf(record);
        if (cells?.[columns.text[0]] === undefined)
          return `expected { ${columns.text[0]} }, but got ${shown(record)}`;
        const faults: string[] = [];
        const text = textIn(cells, columns, 'text', faults, true);
        return faults.length > 0 ? faults.join(', ') : [{ kind: 'text', text }];
      },
    };
  },
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
