/** Warm-up, then always the highest rate: transformers' get_constant_schedule_with_warmup. */

import { definePlugin } from '../../../core/index.js';
import { withWarmup } from '../kit/index.js';

export default definePlugin({
  name: 'constant',
  apiVersion: 2,
  family: 'schedules',
  apply(trainer) {
    trainer.hooks.makeSchedule.tap((request) => withWarmup(request, () => 1));
  },
});
