/**
 * What every schedule must do:
 *
 *     describeSchedule('cosine', {});
 */

import { expect } from 'chai';
import type { Schedule, ScheduleRequest } from '../../core/contracts/schedule.js';
import type { Plugin } from '../../core/plugins/plugin.js';
import { type Choice, loadPlugin } from '../support/choice.js';
import { applyAlone } from '../support/plugins.js';

const REQUEST: ScheduleRequest = { steps: 50, learningRate: 0.002, minLearningRate: 2e-4, warmupSteps: 10 };

/** The schedule that a plugin makes. */
export async function makeSchedule(
  plugin: Plugin,
  request: Partial<ScheduleRequest> = {},
  options: object = {},
): Promise<Schedule> {
  const made = await applyAlone(plugin, { options }).hooks.makeSchedule.promise({ ...REQUEST, ...request });
  if (!made) throw new Error('it makes no schedule');
  return made;
}

export interface ScheduleFixture {
  readonly options?: object;
}

/** @param third the files of third parties' plugins */
export function describeSchedule(name: string, { options = {} }: ScheduleFixture, third?: Choice): void {
  describe(`the schedule ${name}`, () => {
    let plugin: Plugin;
    before(async () => {
      plugin = await loadPlugin('schedules', name, { ...third, options });
    });
    const rates = async (request: Partial<ScheduleRequest> = {}) => {
      const schedule = await makeSchedule(plugin, request, options);
      const { steps } = { ...REQUEST, ...request };
      return Array.from({ length: steps }, (_, step) => schedule.learningRateAt(step));
    };

    it('stays between 0 and the highest rate, which it reaches behind the warm-up', async () => {
      const all = await rates();
      for (const rate of all) expect(rate).to.be.within(0, 0.002);
      expect(Math.max(...all)).to.be.closeTo(0.002, 1e-12);
    });

    it('rises over the warm-up from 0', async () => {
      const warmup = (await rates()).slice(0, 11);
      expect(warmup[0]).to.equal(0);
      for (let step = 1; step < warmup.length; step++) expect(warmup[step]).to.be.above(warmup[step - 1]);
    });

    it('gives the same rates again, from a state where it has one', async () => {
      const schedule = await makeSchedule(plugin, {}, options);
      for (let step = 0; step < 20; step++) schedule.learningRateAt(step);
      const kept = JSON.stringify(schedule.state?.());
      const rest = Array.from({ length: 30 }, (_, i) => schedule.learningRateAt(20 + i));
      const other = await makeSchedule(plugin, {}, options);
      if (kept !== undefined) other.restore?.(JSON.parse(kept));
      expect(Array.from({ length: 30 }, (_, i) => other.learningRateAt(20 + i))).to.deep.equal(rest);
    });

    it('is never without a number: no warm-up, one step, a warm-up that outlasts the run', async () => {
      for (const request of [{ warmupSteps: 0 }, { steps: 1, warmupSteps: 0 }, { steps: 5, warmupSteps: 8 }])
        for (const rate of await rates(request)) expect(rate).to.be.within(0, 0.002);
    });
  });
}
