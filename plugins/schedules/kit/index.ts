/** What schedules share, and what a third party's schedule may build on: `evolving-alpaca/schedules`. */

import type { Schedule, ScheduleRequest } from '../../../core/index.js';

/**
 * Rises linearly over the warm-up, then follows `decay` from the highest rate to the lowest, which it reaches at the run's
 * end. As in transformers, the first update of a warm-up has the rate 0.
 *
 * @param decay the share of what is left of the run (1 after the warm-up, 0 at the end) -> the share of the rate
 */
export function withWarmup(request: ScheduleRequest, decay: (left: number) => number): Schedule {
  const { steps, learningRate, minLearningRate, warmupSteps } = request;
  return {
    learningRateAt(step) {
      if (step < warmupSteps) return (learningRate * step) / warmupSteps;
      const left = Math.max(0, (steps - step) / Math.max(1, steps - warmupSteps));
      return minLearningRate + (learningRate - minLearningRate) * decay(left);
    },
  };
}
