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
      if (world.rank === 0) write({ type: 'done', ...result });
    });
  },
});
