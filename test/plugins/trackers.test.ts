import { describeFamily } from '../contracts/family.js';
import { describeTracker } from '../contracts/tracker.js';

describeFamily('trackers', describeTracker, [
  ['json', { tells: 'stdout' }],
  ['metrics', { tells: 'metrics.jsonl' }],
  ['progress', { tells: 'stdout' }],
  ['csv', { options: { separator: ';' }, tells: 'losses.csv' }, 'csv.ts'],
]);
