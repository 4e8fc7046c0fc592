import { EvolveError, type Template, type WordTemplate } from '../../../core/index.js';

/** The template as ChatGLM's own tokenizers see it: they drop a space at the end of an answer. */
export function withoutLastSpace({ name, exchanges }: WordTemplate): WordTemplate {
  return {
    name,
    exchanges: (example) =>
      exchanges(example).map((exchange) => ({ ...exchange, answer: exchange.answer.replace(/ $/, '') })),
  };
}

/** @throws EvolveError if the template writes special tokens: ChatGLM-6B has its own, and its own places for them */
export function wordsAlone(template: Template): WordTemplate {
  if (!template.passages) return template;
  const message = `the template "${template.name}" writes special tokens, but ChatGLM-6B places its own around plain words`;
  throw new EvolveError('MODEL_INVALID', message, 'Take the template alpaca or plain.', {
    at: ['data', 'template'],
  });
}
