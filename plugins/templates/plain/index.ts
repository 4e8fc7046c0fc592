/** No words but the example's own: the instruction, its input and the answer, a line each. */

import { definePlugin } from '../../../core/index.js';
import { templateOf } from '../kit/wording.js';

const lines = (...texts: readonly string[]) => texts.map((text) => `${text}\n`).join('');

export const plain = templateOf('plain', {
  opening: (instruction, input, system) =>
    lines(...(system === undefined ? [] : [system]), instruction, ...(input === '' ? [] : [input])),
  following: (instruction) => `\n${lines(instruction)}`,
  answer: (output) => output,
});

export default definePlugin({
  name: 'plain',
  apiVersion: 2,
  family: 'templates',
  apply(trainer) {
    trainer.hooks.makeTemplate.tap(({ name }) => (name === 'plain' ? plain : undefined));
  },
});
