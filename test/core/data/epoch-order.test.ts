import { expect } from 'chai';
import { RandomStreams } from '../../../core/base/random.js';
import { epochOrder } from '../../../core/data/epoch-order.js';

describe('epochOrder', () => {
  it('is a permutation that follows from seed and epoch alone, another for each', () => {
    const orders = [0, 1, 2].map((epoch) => epochOrder(42, epoch, 50));
    for (const [epoch, order] of orders.entries()) {
      expect([...order].sort((a, b) => a - b)).to.deep.equal(Array.from({ length: 50 }, (_, i) => i));
      expect(epochOrder(42, epoch, 50)).to.deep.equal(order);
      expect(epochOrder(43, epoch, 50)).to.not.deep.equal(order);
    }
    expect(new Set(orders.map((order) => order.join())).size).to.equal(3);
  });

  it('is what the stream `shuffle` of a run draws, one epoch after the other', () => {
    const stream = new RandomStreams(7).stream('shuffle');
    for (const epoch of [0, 1, 2, 3]) {
      expect(epochOrder(7, epoch, 9)).to.deep.equal(stream.permutation(9));
    }
  });
});
