import { describeFamily } from '../contracts/family.js';
import { CROSS_ENTROPY, describeMetric } from '../contracts/metric.js';

const perplexity = Math.exp(CROSS_ENTROPY);

describeFamily('metrics', describeMetric, [
  [
    'perplexity',
    {
      measures: {
        perplexity,
        perplexityStderr: perplexity * 0.1,
        'perplexity/bySource/one': Math.E,
        'perplexity/bySource/oneStderr': Math.E * 0.2,
        'perplexity/bySource/two': Math.exp(2),
      },
    },
  ],
  // Five questions, one of them a conversation, of which three are answered to the letter.
  ['exact-match', { measures: { exactMatch: 0.6, exactMatchStderr: Math.sqrt(0.3 / 5) }, generates: true }],
  [
    'exact-match',
    { options: { limit: 3 }, measures: { exactMatch: 1, exactMatchStderr: 0 }, generates: true },
  ],
  ['samples', { measures: {}, generates: true }],
  ['my-exact-match', { measures: { myExactMatch: 0.5 }, generates: true }, 'exact-match.ts'],
]);
