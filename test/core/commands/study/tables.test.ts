import { expect } from 'chai';
import type { RunOutcome } from '../../../../core/commands/study/study-run.js';
import { tablesOf, tableText } from '../../../../core/commands/study/tables.js';

const outcome = (variant: string, seed: number, sets: RunOutcome['sets']): RunOutcome => ({
  ...{ variant, seed, sets, run: '', answers: [], seconds: 1 },
});

describe('tables of a study', () => {
  it('have mean and sample deviation over seeds, and mark the best of a column by what is better', () => {
    const tables = tablesOf(
      [
        outcome('a', 1, { x: { evalLoss: 1, exactMatch: 0.5, mine: 3 } }),
        outcome('a', 2, { x: { evalLoss: 3, exactMatch: 0.5, mine: 3 } }),
        outcome('中文', 1, { x: { evalLoss: 4, exactMatch: 0.75, mine: 1 } }),
      ],
      ['a', '中文', 'none'],
      ['x', 'y'],
    );
    expect(tableText(tables, 'Legend.')).to.equal(`evalLoss (lower is better)
      x
a     2.000 ±1.414*
中文  4.000
none  –

exactMatch (higher is better)
      x
a     0.500 ±0.000
中文  0.750*
none  –

mine
      x
a     3.000 ±0.000
中文  1.000
none  –

Legend.
`);
  });
});
