import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import {
  learningRateAt,
  Optimizer,
  type OptimizerOptions,
  type Schedule,
} from '../../../core/run/optimizer.js';
import { expectClose } from '../../support/numbers.js';

const OPTIONS: OptimizerOptions = { weightDecay: 0, adamBeta1: 0.9, adamBeta2: 0.999, maxGradNorm: 1e9 };

/** One variable `w` under an optimizer of its own, freed at the end. */
function withOptimizer<T>(
  options: Partial<OptimizerOptions>,
  body: (optimizer: Optimizer, w: tf.Variable) => T,
  start: tf.TensorLike = [[1, -2, 0.5]],
): T {
  const w = tf.tidy(() => tf.variable(tf.tensor(start)));
  const optimizer = new Optimizer(new Map([['w', w]]), { ...OPTIONS, ...options });
  try {
    return body(optimizer, w);
  } finally {
    optimizer.dispose();
    w.dispose();
  }
}

function update(optimizer: Optimizer, gradient: number[], learningRate: number, isVector = false): void {
  const tensor = tf.tensor(isVector ? gradient : [gradient]);
  try {
    optimizer.update(new Map([['w', tensor]]), Math.hypot(...gradient), learningRate);
  } finally {
    tensor.dispose();
  }
}

const valuesOf = (w: tf.Variable) => [...w.dataSync()];

describe('learningRateAt', () => {
  const linear = (learningRate: number, warmupSteps: number): Schedule => ({
    scheduler: 'linear',
    learningRate,
    minLearningRate: 0,
    warmupSteps,
  });

  it("is transformers' cosine schedule with warm-up", () => {
    // By hand: after 10 steps of warm-up 0.002 · (1 + cos(π · (step − 10) / 40)) / 2.
    const points = {
      0: 0,
      5: 0.001,
      10: 0.002,
      20: 0.00170710678,
      30: 0.001,
      40: 0.000292893219,
      50: 0,
    };
    for (const [step, rate] of Object.entries(points)) {
      const schedule: Schedule = { ...linear(0.002, 10), scheduler: 'cosine' };
      expect(learningRateAt(Number(step), schedule, 50), `step ${step}`).to.be.closeTo(rate, 1e-11);
    }
    expect(learningRateAt(60, { ...linear(1, 10), scheduler: 'cosine' }, 50)).to.equal(0);
  });

  it('ends at the lowest rate, where there is one', () => {
    // By hand: 0.0002 + 0.0018 · (1 + cos(π · (step − 10) / 40)) / 2, and 0.0002 + 0.0018 · (50 − step) / 40.
    const cosine = { 0: 0, 10: 0.002, 20: 0.0017363961, 30: 0.0011, 50: 0.0002, 60: 0.0002 };
    const falling = { 0: 0, 10: 0.002, 20: 0.00155, 30: 0.0011, 50: 0.0002, 60: 0.0002 };
    for (const [scheduler, points] of [
      ['cosine', cosine],
      ['linear', falling],
    ] as const) {
      const schedule: Schedule = { ...linear(0.002, 10), scheduler, minLearningRate: 2e-4 };
      for (const [step, rate] of Object.entries(points)) {
        const found = learningRateAt(Number(step), schedule, 50);
        expect(found, `${scheduler}, step ${step}`).to.be.closeTo(rate, 1e-11);
      }
    }
  });

  it("is transformers' linear schedule with warm-up", () => {
    // By hand: 10 steps of warm-up to 0.002, then 0.002 · (50 − step) / 40.
    const points = { 0: 0, 1: 0.0002, 5: 0.001, 10: 0.002, 11: 0.00195, 30: 0.001, 49: 0.00005, 50: 0 };
    for (const [step, rate] of Object.entries(points)) {
      expect(learningRateAt(Number(step), linear(0.002, 10), 50), `step ${step}`).to.be.closeTo(rate, 1e-11);
    }
  });

  it('begins at the peak without warm-up', () => {
    expect([0, 1, 2, 3].map((step) => learningRateAt(step, linear(8, 0), 4))).to.deep.equal([8, 6, 4, 2]);
  });

  it('only rises where the warm-up outlasts the run, and is never negative', () => {
    expect([0, 1, 2, 3].map((step) => learningRateAt(step, linear(8, 8), 4))).to.deep.equal([0, 1, 2, 3]);
    expect(learningRateAt(60, linear(1, 10), 50)).to.equal(0);
    expect(learningRateAt(4, linear(1, 4), 4)).to.equal(0);
  });
});

describe('Optimizer', () => {
  it('takes a first step of the learning rate against the sign, apart from the decay', () => {
    withOptimizer({ weightDecay: 0.5 }, (optimizer, w) => {
      update(optimizer, [3, -0.01, 0], 0.1);
      // AdamW's first update is the sign of the gradient; the decay is 1 − 0.1 · 0.5.
      expectClose(valuesOf(w), [0.95 - 0.1, -1.9 + 0.1, 0.475], 1e-5);
    });
  });

  it('lets vectors, the scales of norms and biases, not decay', () => {
    const decayed = (isVector: boolean) =>
      withOptimizer(
        { weightDecay: 0.5 },
        (optimizer, w) => {
          update(optimizer, [3, -0.01, 0], 0.1, isVector);
          return valuesOf(w);
        },
        isVector ? [1, -2, 0.5] : [[1, -2, 0.5]],
      );
    expectClose(decayed(true), [0.9, -1.9, 0.5], 1e-5);
    expectClose(decayed(false), [0.85, -1.8, 0.475], 1e-5);
  });

  it('takes the norm of all gradients together', async () => {
    const gradients = new Map([
      ['a', tf.tensor([2, 3])],
      ['b', tf.tensor([[6]])],
    ]);
    const optimizer = new Optimizer(new Map(), OPTIONS);
    expect(await optimizer.norm(gradients)).to.equal(7);
    tf.dispose([...gradients.values()]);
  });

  it('scales gradients down to maxGradNorm, and leaves smaller ones', () => {
    // A first update does not show the clip (it is the sign alone): the second, by means of both, does.
    const twoUpdates = (maxGradNorm: number, first: number[]) =>
      withOptimizer({ maxGradNorm }, (optimizer, w) => {
        update(optimizer, first, 0.1);
        update(optimizer, [0.3, 0.1, -0.2], 0.1);
        return valuesOf(w);
      });
    const clipped = twoUpdates(1, [3, 0, -4]);
    expectClose(clipped, twoUpdates(1e9, [0.6, 0, -0.8]), 1e-5);
    const unclipped = twoUpdates(1e9, [3, 0, -4]);
    expect(Math.abs(clipped[0] - unclipped[0])).to.be.above(1e-2);
  });

  it('corrects the means by the number of its updates', () => {
    withOptimizer({}, (optimizer, w) => {
      // Under a constant gradient each corrected update is a full step.
      for (let i = 0; i < 4; i++) update(optimizer, [2, 2, -2], 0.1);
      expectClose(valuesOf(w), [0.6, -2.4, 0.9], 1e-5);
    });
  });

  it('takes exactly the last update back, once', () => {
    withOptimizer({ weightDecay: 0.1 }, (optimizer, w) => {
      expect(optimizer.undo(), 'before any update').to.equal(false);
      update(optimizer, [0.1, 0.2, 0.3], 0.07);
      const afterFirst = valuesOf(w);
      update(optimizer, [0.5, -0.2, 0.1], 0.03);
      expect(valuesOf(w)).not.to.deep.equal(afterFirst);
      expect(optimizer.undo()).to.equal(true);
      expect(valuesOf(w)).to.deep.equal(afterFirst);
      expect(optimizer.undo(), 'a second time').to.equal(false);
      expect(valuesOf(w)).to.deep.equal(afterFirst);
    });
  });

  it('undoes an update that made no numbers', () => {
    withOptimizer({}, (optimizer, w) => {
      const before = valuesOf(w);
      update(optimizer, [Number.NaN, 1, 1], 0.1);
      expect(valuesOf(w)[0]).to.be.NaN;
      optimizer.undo();
      expect(valuesOf(w)).to.deep.equal(before);
    });
  });

  it('holds two tensors a variable and one more after an update, and frees them', () => {
    const w = tf.tidy(() => tf.variable(tf.tensor([[1, 2]])));
    const before = tf.memory();
    const optimizer = new Optimizer(new Map([['w', w]]), OPTIONS);
    const held = () => tf.memory().numTensors - before.numTensors;
    expect(held()).to.equal(2);
    for (let i = 0; i < 3; i++) {
      update(optimizer, [1, 2], 0.1);
      expect(held()).to.equal(3);
    }
    optimizer.dispose();
    expect(held()).to.equal(0);
    expect(tf.memory().numBytes).to.equal(before.numBytes);
    expect(() => update(optimizer, [1, 2], 0.1)).to.throw(RangeError, '"w"');
    w.dispose();
  });
});
