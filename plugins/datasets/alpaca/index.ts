/** Stanford Alpaca: a JSON array, or JSON lines, of `{ instruction, input, output }`. */

import { definePlugin } from '../../../core/index.js';
import { readJsonExamples } from '../kit/json-examples.js';

export default definePlugin({
  name: 'alpaca',
  apiVersion: 2,
  family: 'datasets',
  apply(trainer) {
    trainer.hooks.loadData.tap(({ format, path }) =>
      format === 'alpaca' && path ? readJsonExamples(path) : undefined,
    );
  },
});
