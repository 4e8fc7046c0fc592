/** Warm-up, then half a cosine wave: transformers' get_cosine_with_min_lr_schedule_with_warmup. */

import { definePlugin } from '../../../core/index.js';
import { withWarmup } from '../kit/index.js';

export default definePlugin({
  name: 'cosine',
  apiVersion: 2,
  family: 'schedules',
  apply(trainer) {
    trainer.hooks.makeSchedule.tap((request) =>
      withWarmup(request, (left) => (1 - Math.cos(Math.PI * left)) / 2),
    );
  },
});
