import { expect } from 'chai';
import constant from '../../plugins/schedules/constant/index.js';
import cosine from '../../plugins/schedules/cosine/index.js';
import linear from '../../plugins/schedules/linear/index.js';
import { describeFamily } from '../contracts/family.js';
import { describeSchedule, makeSchedule } from '../contracts/schedule.js';

describeFamily('schedules', describeSchedule, [
  ['constant', {}],
  ['cosine', {}],
  ['linear', {}],
  ['plateau', { options: { every: 3 } }, 'plateau.ts'],
]);

type Points = Readonly<Record<number, number>>;

async function expectRates(
  plugin: Parameters<typeof makeSchedule>[0],
  request: Parameters<typeof makeSchedule>[1],
  points: Points,
): Promise<void> {
  const schedule = await makeSchedule(plugin, { minLearningRate: 0, ...request });
  // A rate of 0 is no small or negative number.
  for (const [step, rate] of Object.entries(points))
    expect(schedule.learningRateAt(Number(step)), `step ${step}`).to.be.closeTo(rate, rate && 1e-11);
}

describe('schedules', () => {
  it("cosine is transformers' with warm-up", async () => {
    // By hand: after 10 steps of warm-up 0.002 · (1 + cos(π · (step − 10) / 40)) / 2.
    await expectRates(
      cosine,
      {},
      { 0: 0, 5: 0.001, 10: 0.002, 20: 0.00170710678, 30: 0.001, 40: 0.000292893219, 50: 0 },
    );
    await expectRates(cosine, { learningRate: 1 }, { 60: 0 });
  });

  it("linear is transformers' with warm-up", async () => {
    // By hand: 10 steps of warm-up to 0.002, then 0.002 · (50 − step) / 40.
    const points = {
      0: 0,
      1: 0.0002,
      5: 0.001,
      10: 0.002,
      11: 0.00195,
      30: 0.001,
      49: 0.00005,
      50: 0,
      60: 0,
    };
    await expectRates(linear, {}, points);
  });

  it('both end at the lowest rate, where there is one', async () => {
    // By hand: 0.0002 + 0.0018 · (1 + cos(π · (step − 10) / 40)) / 2, and 0.0002 + 0.0018 · (50 − step) / 40.
    const lowest = { minLearningRate: 2e-4 };
    await expectRates(cosine, lowest, {
      0: 0,
      10: 0.002,
      20: 0.0017363961,
      30: 0.0011,
      50: 0.0002,
      60: 0.0002,
    });
    await expectRates(linear, lowest, { 0: 0, 10: 0.002, 20: 0.00155, 30: 0.0011, 50: 0.0002, 60: 0.0002 });
  });

  it('constant stays at the highest rate', async () => {
    await expectRates(constant, {}, { 0: 0, 5: 0.001, 10: 0.002, 30: 0.002, 49: 0.002 });
  });

  it('linear begins at the peak without warm-up, and only rises where the warm-up outlasts the run', async () => {
    await expectRates(linear, { learningRate: 8, warmupSteps: 0, steps: 4 }, { 0: 8, 1: 6, 2: 4, 3: 2 });
    await expectRates(linear, { learningRate: 8, warmupSteps: 8, steps: 4 }, { 0: 0, 1: 1, 2: 2, 3: 3 });
    await expectRates(linear, { learningRate: 1, warmupSteps: 4, steps: 4 }, { 4: 0 });
  });
});
