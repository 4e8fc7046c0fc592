import { expect } from 'chai';
import { Random } from '../../../core/base/random.js';
import { pack } from '../../../core/data/packing.js';

/** The rows that examples of these sizes are packed into, as the numbers of the examples. */
function packed(sizes: readonly number[], capacity: number): number[][] {
  const numbers = Int32Array.from(sizes.keys());
  const { examples, starts } = pack(numbers, Int32Array.from(sizes), capacity);
  return Array.from(starts.subarray(1), (end, row) => [...examples.subarray(starts[row], end)]);
}

/** The same, as the sizes. */
const sizesIn = (sizes: readonly number[], capacity: number) =>
  packed(sizes, capacity).map((row) => row.map((example) => sizes[example]));

describe('pack', () => {
  it('puts each example into the first row that has room', () => {
    const sizes = [6, 5, 4, 3, 5, 2, 1, 10];
    expect(sizesIn(sizes, 10)).to.deep.equal([[6, 4], [5, 3, 2], [5, 1], [10]]);
    expect(sizesIn([], 10)).to.deep.equal([]);
  });

  it('takes examples in the order that is given', () => {
    const { examples, starts } = pack(Int32Array.of(2, 0), Int32Array.of(4, 9, 5), 10);
    expect([[...examples], [...starts]]).to.deep.equal([
      [2, 0],
      [0, 2],
    ]);
  });

  it('loses no example and fills no row over, also where the oldest rows are closed', () => {
    const random = new Random(1);
    const sizes = Array.from({ length: 3000 }, () => 1 + Math.floor(100 * random.next()));
    const rows = packed(sizes, 100);
    expect(rows.flat().sort((a, b) => a - b)).to.deep.equal([...sizes.keys()]);
    const fill = rows.map((row) => row.reduce((sum, example) => sum + sizes[example], 0));
    expect(Math.max(...fill)).to.be.at.most(100);
    expect(fill.reduce((sum, size) => sum + size, 0) / (100 * rows.length), 'how full rows are').to.be.above(
      0.9,
    );
  });

  it('closes the oldest row where 64 are open', () => {
    // 64 rows with room for one token, then one more row: the first has room, but is closed.
    const rows = sizesIn([...Array.from({ length: 65 }, () => 9), 1, 1], 10);
    expect(rows.slice(0, 4)).to.deep.equal([[9], [9, 1], [9, 1], [9]]);
  });

  it('refuses an example that fits no row', () => {
    expect(() => packed([11], 10)).to.throw(RangeError, '11 tokens does not fit a row of 10');
  });
});
