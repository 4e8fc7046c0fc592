import { expect } from 'chai';
import { type MixtureParts, passRows, passSizes } from '../../../core/data/mixture.js';

const range = (from: number, to: number) => Int32Array.from({ length: to - from }, (_, i) => from + i);
/** A large source, and a small one. */
const SOURCES = [range(0, 100), range(100, 110)];

function parts(shares: MixtureParts['shares'], stopping: 'first' | 'all' = 'first', seed = 1): MixtureParts {
  return { rowsOf: SOURCES, shares, stopping, seed };
}

/** How often each row comes in some passes. */
function counts(mixture: MixtureParts, passes: number): number[] {
  const times = new Array<number>(110).fill(0);
  for (let pass = 0; pass < passes; pass++) for (const row of passRows(mixture, pass)) times[row]++;
  return times;
}

describe('a mixture of sources', () => {
  it('has each row once, in the order of the data, where nothing else is said', () => {
    for (const pass of [0, 3])
      expect([...passRows(parts([{ repeat: 1 }, { repeat: 1 }]), pass)]).to.deep.equal([...range(0, 110)]);
  });

  it('repeats the rows of a source, each as often', () => {
    const times = counts(parts([{ repeat: 1 }, { repeat: 3 }]), 2);
    expect(new Set(times.slice(0, 100))).to.deep.equal(new Set([2]));
    expect(new Set(times.slice(100))).to.deep.equal(new Set([6]));
  });

  it('ends a pass where the first source is used up, and goes on with the others in the next', () => {
    const mixture = parts([
      { weight: 1, repeat: 1 },
      { weight: 1, repeat: 1 },
    ]);
    expect(passSizes(mixture)).to.deep.equal([10, 10]);
    // Ten passes of ten rows: each of the hundred has come once.
    expect(new Set(counts(mixture, 10).slice(0, 100))).to.deep.equal(new Set([1]));
    expect(new Set(counts(mixture, 10).slice(100))).to.deep.equal(new Set([10]));
    expect([...passRows(mixture, 0)]).to.not.deep.equal([...passRows(mixture, 1)]);
  });

  it('goes on until all sources are used up, where that is asked for', () => {
    const mixture = parts(
      [
        { weight: 0.8, repeat: 1 },
        { weight: 0.2, repeat: 1 },
      ],
      'all',
    );
    expect(passSizes(mixture)).to.deep.equal([100, 25]);
    const times = counts(mixture, 1);
    expect(new Set(times.slice(0, 100))).to.deep.equal(new Set([1]));
    expect(new Set(times.slice(100))).to.deep.equal(new Set([2, 3]));
  });

  it('follows from the seed alone', () => {
    const shares = [
      { weight: 1, repeat: 1 },
      { weight: 1, repeat: 1 },
    ];
    const rows = (seed: number) => [...passRows(parts(shares, 'first', seed), 2)];
    expect(rows(1)).to.deep.equal(rows(1));
    expect(rows(1)).to.not.deep.equal(rows(2));
  });

  it('leaves out a source of which all rows are held out', () => {
    const mixture: MixtureParts = {
      rowsOf: [range(0, 4), new Int32Array(0)],
      shares: [
        { weight: 1, repeat: 1 },
        { weight: 9, repeat: 1 },
      ],
      stopping: 'first',
      seed: 1,
    };
    expect(passSizes(mixture)).to.deep.equal([4, 0]);
  });
});
