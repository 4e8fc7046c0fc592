import { describeTemplate } from '../../contracts/template.js';

// Those of Alpaca-CoT to the letter.
describeTemplate('alpaca', {
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
});
