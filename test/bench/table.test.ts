import { expect } from 'chai';
import { BARS, isReached } from './bars.js';
import { median } from './statistics.js';
import { formatTable } from './table.js';

describe('the bench', () => {
  it('takes the middle of the figures', () => {
    expect(median([3, 1, 2])).to.equal(2);
    expect(median([4, 1, 3, 2])).to.equal(2.5);
    expect(median([])).to.be.NaN;
  });

  it('reaches a bar only where every condition holds and every figure is there', () => {
    const bars = BARS['first step begins'];
    expect(isReached(bars, { ours: 2.9, ratio: 0.5 })).to.equal(true);
    expect(isReached(bars, { ours: 3.1, ratio: 0.4 })).to.equal(false);
    expect(isReached(bars, { ours: 2, ratio: 0.6 })).to.equal(false);
    expect(isReached(bars, { ours: 2, ratio: null })).to.equal(null);
    expect(isReached([], { ours: 2, ratio: 1 })).to.equal(null);
  });

  it('shows each figure with its ratio, its bar and whether that is reached', () => {
    const [head, fast, alone] = formatTable([
      { what: 'epoch, rows per second', unit: 'rows/s', ours: 9, theirs: 2, others: 0.05, note: 'a note' },
      { what: '7B step, peak memory', unit: 'bytes', ours: 13 * 2 ** 30, theirs: null },
    ]).split('\n');
    expect(head).to.match(/^what +ours +theirs +ratio +bar +reached +others +note$/);
    expect(fast).to.match(
      /^epoch, rows per second +9\.00 rows\/s +2\.00 rows\/s +4\.50 +≥ 3× +yes +5 % +a note$/,
    );
    expect(alone).to.match(/^7B step, peak memory +13\.00 GiB +- +- +≤ 12\.00 GiB +NO$/);
  });
});
