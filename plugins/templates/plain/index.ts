/** No words but the example's own: the instruction, its input and the answer, a line each. */

import { definePlugin } from '../../../core/index.js';
import { templateOf } from '../kit/wording.js';

const lines = (...texts: readonly string[]) => texts.map((text) => `${text}\n`).join('');

export const plain = templateOf('plain', {
  opening: (instruction, input, system) =>
    lines(...(system === undefined ? [] : [system]), instruction, ...(input === '' ? [] : [input])),
  following: (instruction) => `\n${lines(instruction)}`,
  answer: (output) => output,
  chatTemplate: [
    "{% for message in messages %}{% if message['role'] == 'assistant' %}{{ message['content'] + eos_token }}",
    "{% if not loop.last %}{{ '\\n' }}{% endif %}{% else %}{{ message['content'] + '\\n' }}{% endif %}{% endfor %}",
  ].join(''),
});

export default definePlugin({
  name: 'plain',
  apiVersion: 2,
  family: 'templates',
  apply(trainer) {
    trainer.hooks.makeTemplate.tap(({ name }) => (name === 'plain' ? plain : undefined));
  },
});
