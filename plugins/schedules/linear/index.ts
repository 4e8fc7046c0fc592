/** Warm-up, then a straight fall: transformers' get_linear_schedule_with_warmup. The default. */

import { definePlugin } from '../../../core/index.js';
import { withWarmup } from '../kit/index.js';

export default definePlugin({
  name: 'linear',
  apiVersion: 2,
  family: 'schedules',
  apply(trainer) {
    trainer.hooks.makeSchedule.tap((request) => withWarmup(request, (left) => left));
  },
});
