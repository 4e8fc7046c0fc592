import type { Template } from '../../../core/index.js';

/** The template as ChatGLM's own tokenizers see it: they drop a space at the end of an answer. */
export function withoutLastSpace({ name, exchanges }: Template): Template {
  return {
    name,
    exchanges: (example) =>
      exchanges(example).map((exchange) => ({ ...exchange, answer: exchange.answer.replace(/ $/, '') })),
  };
}
