import { describeTemplate } from '../../contracts/template.js';

describeTemplate('plain', {
  withInput: { prompt: 'Add.\n1 2\n', answer: '3' },
  withoutInput: { prompt: 'Say hello.\n', answer: 'Hello' },
  turns: [
    { prompt: 'Be brief.\nOne?\n', answer: 'First' },
    { prompt: '\nTwo?\n', answer: 'Second' },
  ],
});
