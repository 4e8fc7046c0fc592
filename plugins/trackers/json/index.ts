/** Writes every event, and how the run ended, to standard output: one JSON object a line (`evolve run --json`). */

import { definePlugin } from '../../../core/index.js';

export default definePlugin({
  name: 'json',
  apiVersion: 2,
  family: 'trackers',
  apply(trainer) {
    const write = (event: object) => process.stdout.write(`${JSON.stringify(event)}\n`);
    trainer.hooks.log.tap((event) => {
      write(event);
    });
    trainer.hooks.done.tap((result, { world }) => {
      // Of a run that failed, the command line tells last, with the event `error`.
      if (world.rank === 0 && result.error === undefined) write({ type: 'done', ...result });
    });
  },
});
