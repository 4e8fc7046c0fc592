import { expect } from 'chai';
import { callSeconds, ringSum, type StepFacts, stepSeconds, sumSeconds, treeSum } from './step-cost.js';

const LINK = { latency: 0.001, bandwidth: 1e6 };
const STEP: StepFacts = {
  microBatch: 2,
  microBatches: 4,
  update: 1,
  gradientBytes: 3e6,
  calls: 5,
  handOver: 0.01,
  cores: Number.POSITIVE_INFINITY,
};

describe('the cost of a step', () => {
  it('moves in a ring twice the bytes, however many processes there are, and along a tree more at each level', () => {
    expect(ringSum(2, 100)).to.deep.equal({ messages: 2, bytes: 100 });
    expect(ringSum(4, 100)).to.deep.equal({ messages: 6, bytes: 150 });
    expect(ringSum(1024, 1024)).to.deep.equal({ messages: 2046, bytes: 2046 });
    expect(treeSum(2, 100)).to.deep.equal({ messages: 2, bytes: 200 });
    expect(treeSum(5, 100)).to.deep.equal({ messages: 6, bytes: 600 });
    expect(treeSum(1024, 100)).to.deep.equal({ messages: 20, bytes: 2000 });
  });

  it('sums few bytes along a tree, and many in a ring', () => {
    // 10 messages of a barrier, then 20 up and down.
    expect(sumSeconds(1024, 4, 0, LINK)).to.be.closeTo(0.01 + 0.02 + (20 * 4) / 1e6, 1e-9);
    expect(sumSeconds(1024, 1e9, 0, LINK)).to.be.closeTo(0.01 + 2.046 + (2046 / 1024) * 1000, 1e-6);
  });

  it('is micro-batches and update alone of one process', () => {
    expect(stepSeconds(1, STEP, LINK)).to.equal(9);
  });

  it('adds calls and gradients to the busiest share of several', () => {
    expect(callSeconds(4, 0.01, LINK)).to.be.closeTo(0.014, 1e-12);
    const gradients = 0.01 + 0.002 + (0.006 + 4.5);
    expect(stepSeconds(4, STEP, LINK)).to.be.closeTo(2 + 1 + 5 * 0.014 + gradients, 1e-9);
    // Of three processes one has two of four micro-batches.
    expect(stepSeconds(3, STEP, { latency: 0, bandwidth: Number.POSITIVE_INFINITY })).to.be.closeTo(
      4 + 1 + 6 * 0.01,
      1e-9,
    );
  });

  it('has processes beyond the cores share these', () => {
    const free = { latency: 0, bandwidth: Number.POSITIVE_INFINITY };
    const onTwo = { ...STEP, handOver: 0, cores: 2 };
    expect([1, 2, 4].map((count) => stepSeconds(count, onTwo, free))).to.deep.equal([9, 5, 6]);
    // Those without a micro-batch do the update alone.
    expect(stepSeconds(8, onTwo, free)).to.equal(4 + 4);
  });
});
