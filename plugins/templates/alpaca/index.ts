/**
 * The prompt of Stanford Alpaca and Alpaca-CoT, to the letter; the answer stands between two spaces. Of a conversation,
 * the system's turn takes the place of the first sentences, and each further instruction follows under its heading.
 */

import { definePlugin } from '../../../core/index.js';
import { templateOf } from '../kit/wording.js';

const TASK = 'Below is an instruction that describes a task';
const REQUEST = 'Write a response that appropriately completes the request.';

export const alpaca = templateOf('alpaca', {
  opening(instruction, input, system) {
    const task = input === '' ? TASK : `${TASK}, paired with an input that provides further context`;
    const context = input === '' ? '' : `### Input:\n${input}\n\n`;
    return `${system ?? `${task}. ${REQUEST}`}\n\n### Instruction:\n${instruction}\n\n${context}### Response:`;
  },
  following: (instruction) => `\n\n### Instruction:\n${instruction}\n\n### Response:`,
  answer: (output) => ` ${output} `,
  chatTemplate: [
    "{% if messages[0]['role'] == 'system' %}{{ messages[0]['content'] }}",
    `{% else %}{{ '${TASK}. ${REQUEST}' }}{% endif %}`,
    "{% for message in messages %}{% if message['role'] == 'user' %}",
    "{{ '\\n\\n### Instruction:\\n' + message['content'] + '\\n\\n### Response:' }}",
    "{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'] + ' ' + eos_token }}{% endif %}{% endfor %}",
  ].join(''),
});

export default definePlugin({
  name: 'alpaca',
  apiVersion: 2,
  family: 'templates',
  apply(trainer) {
    trainer.hooks.makeTemplate.tap(({ name }) => (name === 'alpaca' ? alpaca : undefined));
  },
});
