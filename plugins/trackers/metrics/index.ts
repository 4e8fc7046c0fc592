/**
 * Writes metrics.jsonl in the output folder: a line for every step event and every evaluation. A run that goes on from a
 * checkpoint drops the lines that came after it: each step has one.
 */

import { appendFileSync, statSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { definePlugin } from '../../../core/index.js';

export default definePlugin({
  name: 'metrics',
  apiVersion: 2,
  family: 'trackers',
  apply({ hooks, run, notice }) {
    const file = path.join(run?.output ?? '', 'metrics.jsonl');
    const size = () => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    hooks.log.tap((event) => {
      if (event.type !== 'step' && event.type !== 'eval') return;
      // Written at once and without buffering: a run that is killed loses no line.
      appendFileSync(file, `${JSON.stringify(event)}\n`);
    });
    hooks.saveState.tap((states) => void states.set('metrics', { bytes: size() }));
    hooks.restoreState.tap((states, { world }) => {
      const bytes = (states.get('metrics') as { bytes: number } | undefined)?.bytes;
      if (world.rank !== 0 || bytes === undefined) return;
      if (size() < bytes) notice('metrics.jsonl lacks lines of the steps before the checkpoint');
      else truncateSync(file, bytes);
    });
  },
});
