import { expect } from 'chai';
import { decimated, pointsOf, trailingMean } from '../../../core/report/series.js';

describe('points of a curve', () => {
  it('are those of lines that have the number', () => {
    const lines = [1, undefined, Number.NaN, 'x', 2].map((value, step) => ({ step, value }));
    expect(pointsOf(lines, ({ value }) => value)).to.deep.equal({ x: [0, 4], y: [1, 2] });
  });

  it('become means of those before them, of fewer at the beginning', () => {
    const x = [1, 2, 3, 4, 5];
    expect(trailingMean({ x, y: [1, 3, 5, 7, 100] }, 3).y).to.deep.equal([1, 2, 3, 5, 112 / 3]);
    expect(trailingMean({ x, y: [1, 3, 5, 7, 100] }, 1).y).to.deep.equal([1, 3, 5, 7, 100]);
    expect(trailingMean({ x, y: [1, 3, 5, 7, 9] }, 2, [1, 3, 0, 0, 2]).y).to.deep.equal([1, 2.5, 3, 7, 9]);
  });

  it('become fewer, with every peak, and the first and the last point', () => {
    const count = 10_000;
    const x = Array.from({ length: count }, (_, i) => i + 1);
    const y = x.map((step) => Math.sin(step / 500));
    y[4321] = 50;
    y[8765] = -50;
    const kept = decimated({ x, y }, 200);
    expect(kept.x).to.have.length.within(150, 200);
    expect(kept.x[0]).to.equal(1);
    expect(kept.x.at(-1)).to.equal(count);
    expect(kept.y[kept.x.indexOf(4322)]).to.equal(50);
    expect(kept.y[kept.x.indexOf(8766)]).to.equal(-50);
    for (const [i, step] of kept.x.entries()) {
      expect(kept.y[i]).to.equal(y[step - 1]);
      if (i > 0) expect(step).to.be.above(kept.x[i - 1]);
    }
  });

  it('stay as they are where there are few', () => {
    const points = { x: [1, 2, 3], y: [3, 2, 1] };
    expect(decimated(points, 3)).to.deep.equal(points);
  });
});
