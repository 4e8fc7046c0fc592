/**
 * Writes metrics.jsonl in the output folder: a line for every step event and every evaluation. A run that goes on from a
 * checkpoint drops the lines that came after it: each step has one.
 */

import { appendFileSync, closeSync, existsSync, fsyncSync, openSync, statSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { definePlugin } from '../../../core/index.js';

/** Returns when the disk has the file, as it will have the checkpoint: after a power cut the lines are there, too. */
function sync(file: string): void {
  if (!existsSync(file)) return;
  const descriptor = openSync(file, 'r+');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

export default definePlugin({
  name: 'metrics',
  apiVersion: 2,
  family: 'trackers',
  apply({ hooks, run, notice }) {
    const file = path.join(run?.output ?? '', 'metrics.jsonl');
    const size = () => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    hooks.log.tap((event) => {
      if (event.type !== 'step' && event.type !== 'eval') return;
      const before = size();
      try {
        // Written at once and without buffering: a run that is killed loses no line.
        appendFileSync(file, `${JSON.stringify(event)}\n`);
      } catch (error) {
        // A full disk takes a part of a line.
        if (size() > before) truncateSync(file, before);
        throw error;
      }
    });
    hooks.saveState.tap((states) => {
      states.set('metrics', { bytes: size() });
      sync(file);
    });
    hooks.restoreState.tap((states, { world }) => {
      const bytes = (states.get('metrics') as { bytes: number } | undefined)?.bytes;
      if (world.rank !== 0 || bytes === undefined) return;
      if (size() < bytes) notice('metrics.jsonl lacks lines of the steps before the checkpoint');
      else truncateSync(file, bytes);
    });
  },
});
