import { expect } from 'chai';
import { Random } from '../../../core/base/random.js';
import type { EncodedExample } from '../../../core/contracts/labels.js';
import { pack } from '../../../core/data/packing.js';

const example = (size: number): EncodedExample => ({
  inputIds: new Int32Array(size),
  spans: [],
});
const sizesOf = (rows: ReturnType<typeof pack>) =>
  rows.map((row) => row.map(({ inputIds }) => inputIds.length));

describe('pack', () => {
  it('puts each example into the first row that has room', () => {
    const sizes = [6, 5, 4, 3, 5, 2, 1, 10];
    expect(sizesOf(pack(sizes.map(example), 10))).to.deep.equal([[6, 4], [5, 3, 2], [5, 1], [10]]);
    expect(pack([], 10)).to.deep.equal([]);
  });

  it('loses no example and fills no row over, also where the oldest rows are closed', () => {
    const random = new Random(1);
    const examples = Array.from({ length: 3000 }, () => example(1 + Math.floor(100 * random.next())));
    const rows = pack(examples, 100);
    expect(rows.flat()).to.have.length(3000);
    expect(rows.flat()).to.have.members(examples);
    const fill = sizesOf(rows).map((sizes) => sizes.reduce((sum, size) => sum + size, 0));
    expect(Math.max(...fill)).to.be.at.most(100);
    expect(fill.reduce((sum, size) => sum + size, 0) / (100 * rows.length), 'how full rows are').to.be.above(
      0.9,
    );
  });

  it('closes the oldest row where 64 are open', () => {
    // 64 rows with room for one token, then one more row: the first has room, but is closed.
    const rows = pack([...Array.from({ length: 65 }, () => 9), 1, 1].map(example), 10);
    expect(sizesOf(rows).slice(0, 4)).to.deep.equal([[9], [9, 1], [9, 1], [9]]);
  });

  it('refuses an example that fits no row', () => {
    expect(() => pack([example(11)], 10)).to.throw(RangeError, '11 tokens does not fit a row of 10');
  });
});
