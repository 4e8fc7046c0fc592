import { describeFamily } from '../contracts/family.js';
import { crossEntropyOf, describeObjective, type ObjectiveFixture } from '../contracts/objective.js';

/** Label smoothing (arXiv 1512.00567): of the target's probability a share is spread over all tokens. */
const smoothed = (share: number): ObjectiveFixture => ({
  options: { smoothing: share },
  ofToken: (logProbabilities, label) => {
    const mean = logProbabilities.reduce((sum, value) => sum + value, 0) / logProbabilities.length;
    return -(1 - share) * logProbabilities[label] - share * mean;
  },
});

describeFamily('objectives', describeObjective, [
  ['next-token', { ofToken: crossEntropyOf }],
  ['label-smoothing', smoothed(0.2)],
  ['label-smoothing', smoothed(0)],
  ['my-smoothing', smoothed(0.1), 'label-smoothing.ts'],
]);
