import { describeFamily } from '../contracts/family.js';
import { CROSS_ENTROPY, describeMetric } from '../contracts/metric.js';
import { fixture } from '../support/files.js';

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
  ['exact-match', { measures: { exactMatch: 0.6, exactMatchStderr: 0.24494897427831783 }, generates: true }],
  [
    'exact-match',
    { options: { limit: 3 }, measures: { exactMatch: 1, exactMatchStderr: 0 }, generates: true },
  ],
  ['rouge-l', { measures: { rougeL: 0.9, rougeLStderr: 0.1 }, generates: true }],
  ['answer-language', { measures: { answerLanguage: 1, answerLanguageStderr: 0 }, generates: true }],
  // "First" is right twice of the four questions that have one of the choices as answer, and the likeliest each time.
  [
    'multiple-choice',
    {
      options: { choices: ['First', 'Second', 'Third'] },
      measures: {
        multipleChoice: 0.5,
        multipleChoiceStderr: Math.sqrt(1 / 3 / 4),
        multipleChoiceByLength: 0.5,
        multipleChoiceByLengthStderr: Math.sqrt(1 / 3 / 4),
      },
    },
  ],
  // Its one prompt is "Two?", which is answered without a comma, but not in small letters.
  [
    'ifeval',
    {
      options: { path: fixture('metrics', 'ifeval.jsonl') },
      measures: {
        ifevalPromptStrict: 0,
        ifevalInstructionStrict: 0.5,
        ifevalInstructionStrictStderr: 0.5,
        ifevalPromptLoose: 0,
        ifevalInstructionLoose: 0.5,
        ifevalInstructionLooseStderr: 0.5,
      },
      generates: true,
    },
  ],
  ['samples', { measures: {}, generates: true }],
  ['my-exact-match', { measures: { myExactMatch: 0.5 }, generates: true }, 'exact-match.ts'],
]);
