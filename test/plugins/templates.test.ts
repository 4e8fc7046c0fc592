import { describeFamily } from '../contracts/family.js';
import { describeTemplate } from '../contracts/template.js';
import { fixture } from '../support/files.js';

/** Vicuna's own. */
const SYSTEM =
  'A chat between a curious user and an artificial intelligence assistant. ' +
  "The assistant gives helpful, detailed, and polite answers to the user's questions.";

const asked = (question: string) => `<|im_start|>user\n${question}<|im_end|>\n<|im_start|>assistant\n`;

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
    'chat',
    {
      options: { path: fixture('chat-templates', 'chatml.jinja') },
      takesAll: true,
      withInput: { prompt: asked('Add.\n1 2'), answer: '3<|im_end|>' },
      withoutInput: { prompt: asked('Say hello.'), answer: 'Hello<|im_end|>' },
      turns: [
        { prompt: `<|im_start|>system\nBe brief.<|im_end|>\n${asked('One?')}`, answer: 'First<|im_end|>' },
        { prompt: `\n${asked('Two?')}`, answer: 'Second<|im_end|>' },
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
