import { describeFamily } from '../contracts/family.js';
import { describeTemplate } from '../contracts/template.js';

/** Vicuna's own. */
const SYSTEM =
  'A chat between a curious user and an artificial intelligence assistant. ' +
  "The assistant gives helpful, detailed, and polite answers to the user's questions.";

describeFamily('templates', describeTemplate, [
  [
    'alpaca',
    // Those of Alpaca-CoT to the letter.
    {
      withInput: {
        prompt:
          'Below is an instruction that describes a task, paired with an input that provides further context. ' +
          'Write a response that appropriately completes the request.\n\n' +
          '### Instruction:\nAdd.\n\n### Input:\n1 2\n\n### Response:',
        answer: ' 3 ',
      },
      withoutInput: {
        prompt:
          'Below is an instruction that describes a task. ' +
          'Write a response that appropriately completes the request.\n\n' +
          '### Instruction:\nSay hello.\n\n### Response:',
        answer: ' Hello ',
      },
      turns: [
        { prompt: 'Be brief.\n\n### Instruction:\nOne?\n\n### Response:', answer: ' First ' },
        { prompt: '\n\n### Instruction:\nTwo?\n\n### Response:', answer: ' Second ' },
      ],
    },
  ],
  [
    'plain',
    {
      withInput: { prompt: 'Add.\n1 2\n', answer: '3' },
      withoutInput: { prompt: 'Say hello.\n', answer: 'Hello' },
      turns: [
        { prompt: 'Be brief.\nOne?\n', answer: 'First' },
        { prompt: '\nTwo?\n', answer: 'Second' },
      ],
    },
  ],
  [
    'vicuna',
    {
      withInput: { prompt: `${SYSTEM} USER: Add.\n1 2 ASSISTANT:`, answer: ' 3' },
      withoutInput: { prompt: `${SYSTEM} USER: Say hello. ASSISTANT:`, answer: ' Hello' },
      turns: [
        { prompt: 'Be brief. USER: One? ASSISTANT:', answer: ' First' },
        { prompt: 'USER: Two? ASSISTANT:', answer: ' Second' },
      ],
    },
    'vicuna.ts',
  ],
]);
