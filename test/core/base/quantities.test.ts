import { expect } from 'chai';
import { formatCount, formatDuration, formatMebibytes, formatSize } from '../../../core/base/quantities.js';

describe('what a person reads of', () => {
  it('a duration', () => {
    const shown = [0, 0.4, 59.6, 75, 3599, 3600, 3675, 360000, -5].map(formatDuration);
    const wanted = ['0:00', '0:00', '1:00', '1:15', '59:59', '1:00:00', '1:01:15', '100:00:00', '0:00'];
    expect(shown).to.deep.equal(wanted);
  });

  it('a number of bytes', () => {
    const sizes = [0, 999, 1000, 1234, 999_949, 999_950, 13_476_835_328, 2e15].map(formatSize);
    const wanted = ['0 B', '999 B', '1.0 kB', '1.2 kB', '999.9 kB', '1.0 MB', '13.5 GB', '2000.0 TB'];
    expect(sizes).to.deep.equal(wanted);
  });

  it('a count', () => {
    expect([0, 999, 1000, 1234567].map(formatCount)).to.deep.equal(['0', '999', '1,000', '1,234,567']);
  });

  it('memory, rounded up', () => {
    expect([0, 1, 2 ** 20, 1234.5 * 2 ** 20].map(formatMebibytes)).to.deep.equal([
      ...['0 MiB', '1 MiB', '1 MiB', '1,235 MiB'],
    ]);
  });
});
