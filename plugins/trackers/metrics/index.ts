/** Writes metrics.jsonl in the output folder: a line for every step event and every evaluation. */

import { appendFileSync } from 'node:fs';
import path from 'node:path';
import { definePlugin } from '../../../core/index.js';

export default definePlugin({
  name: 'metrics',
  apiVersion: 2,
  family: 'trackers',
  apply(trainer) {
    trainer.hooks.log.tap((event) => {
      if (event.type !== 'step' && event.type !== 'eval') return;
      // Written at once and without buffering: a run that is killed loses no line.
      appendFileSync(path.join(trainer.run?.output ?? '', 'metrics.jsonl'), `${JSON.stringify(event)}\n`);
    });
  },
});
