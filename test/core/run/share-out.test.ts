import { expect } from 'chai';
import { shareOut } from '../../../core/run/share-out.js';

describe('the shares of a step', () => {
  it('are all of it for one process', () => {
    expect(shareOut([5, 1, 9], 1)).to.deep.equal([0, 0, 0]);
  });

  it('have about as many tokens each, however they lie', () => {
    const tokens = [900, 10, 20, 30, 40, 500, 400, 50, 60, 70];
    const shares = shareOut(tokens, 2);
    const of = (rank: number) => tokens.reduce((sum, count, i) => sum + (shares[i] === rank ? count : 0), 0);
    expect(Math.abs(of(0) - of(1))).to.be.at.most(20);
    // Every second one would be 1420 and 660.
    expect(of(0) + of(1)).to.equal(2080);
  });

  it('give every process one, where there are as many, and none to those beyond', () => {
    expect([...shareOut([3, 3, 3], 3)].sort()).to.deep.equal([0, 1, 2]);
    expect(new Set(shareOut([3, 8], 5)).size).to.equal(2);
  });
});
