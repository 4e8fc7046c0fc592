/** Instructions with their answers, whatever the columns are called: Alpaca, Dolly, GPTeacher, Firefly, GSM8K, pCLUE, … */

import { columnsOf } from '../kit/columns.js';
import { defineFormat } from '../kit/define-format.js';
import { ALL_NAMES, instructions } from '../kit/instruct.js';

export default defineFormat({
  name: 'instruct',
  apiVersion: 2,
  about: 'instructions with their answers',
  reading: (sample, source) => instructions('instruct', ALL_NAMES, sample, source),
  doubt: (sample) => {
    const found = columnsOf(sample);
    if (['A', 'B', 'C'].every((column) => found.has(column)))
      return 'the columns A, B, C, … hold choices, which belong into the question: columns: { instruction: QUESTION, input: [A, B, C, D], output: ANSWER }';
    const reasons = [...found].filter((column) => /^(rationale|explanation|chain_of_thought)$/.test(column));
    return reasons.length > 0 ? `there is ${reasons.join(', ')} too, which would not be read` : undefined;
  },
});
