import { describeFamily } from '../contracts/family.js';
import { describeTracker } from '../contracts/tracker.js';
import { readEvents } from '../support/event-file.js';

describeFamily('trackers', describeTracker, [
  ['json', { tells: 'stdout' }],
  ['metrics', { tells: 'metrics.jsonl' }],
  ['progress', { tells: 'stdout' }],
  ['tensorboard', { tells: /^events\.out\.tfevents\./, read: (file) => JSON.stringify(readEvents(file)) }],
  ['csv', { options: { separator: ';' }, tells: 'losses.csv' }, 'csv.ts'],
]);
