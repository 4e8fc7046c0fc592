/**
 * Writes metrics.jsonl in the output folder: a line for every step event and every evaluation. A run that goes on from a
 * checkpoint drops the lines that came after it: each step has one.
 */

import { closeSync, existsSync, fsyncSync, openSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { definePlugin } from '../../../core/index.js';
import { appendWhole, sizeOf } from '../kit/append-whole.js';

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
    hooks.log.tap((event) => {
      if (event.type === 'step' || event.type === 'eval') appendWhole(file, `${JSON.stringify(event)}\n`);
    });
    hooks.saveState.tap((states) => {
      states.set('metrics', { bytes: sizeOf(file) });
      sync(file);
    });
    hooks.restoreState.tap((states, { world }) => {
      const bytes = (states.get('metrics') as { bytes: number } | undefined)?.bytes;
      if (world.rank !== 0 || bytes === undefined) return;
      if (sizeOf(file) < bytes) notice('metrics.jsonl lacks lines of the steps before the checkpoint');
      else truncateSync(file, bytes);
    });
  },
});
