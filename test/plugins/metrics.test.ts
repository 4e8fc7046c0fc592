import { describeFamily } from '../contracts/family.js';
import { CROSS_ENTROPY, describeMetric } from '../contracts/metric.js';

describeFamily('metrics', describeMetric, [
  ['perplexity', { measures: { perplexity: Math.exp(CROSS_ENTROPY) } }],
  ['exact-match', { measures: { exactMatch: 0.5 }, generates: true }],
  ['exact-match', { options: { limit: 3 }, measures: { exactMatch: 2 / 3 }, generates: true }],
  ['samples', { measures: {}, generates: true }],
  ['my-exact-match', { measures: { myExactMatch: 0.5 }, generates: true }, 'exact-match.ts'],
]);
