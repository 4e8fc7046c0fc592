/** The chat template that the model brings along, or one in a file: Jinja, as transformers renders it. */

import { definePlugin, EvolveError, type TokenTemplate, z } from '../../../core/index.js';
import { templateInFile, templateOfModel } from './source.js';
import { chatTemplate } from './template.js';

const schema = z.strictObject({
  path: z.string().min(1).optional(),
  variant: z.string().min(1).optional(),
  variables: z.record(z.string(), z.unknown()).optional(),
  date: z.iso.date().optional(),
});

export default definePlugin({
  name: 'chat',
  apiVersion: 2,
  family: 'templates',
  schema,
  apply(trainer, { path, variant, variables = {}, date }) {
    trainer.hooks.makeTemplate.tap(async ({ name, model }): Promise<TokenTemplate | undefined> => {
      if (name !== 'chat') return undefined;
      if (!model && path === undefined) {
        const message = 'the template "chat" is that of a model, and there is no model';
        throw new EvolveError('MODEL_UNKNOWN', message, 'Name one with --model.', {
          at: ['data', 'template'],
        });
      }
      const source = path === undefined ? await templateOfModel(model!, variant) : await templateInFile(path);
      const settings = (await model?.readJson('tokenizer_config.json')) ?? {};
      const map = (await model?.readJson('special_tokens_map.json')) ?? {};
      const tokens = namedTokens({ ...map, ...settings });
      return chatTemplate(source, {
        tokens,
        variables,
        date: date === undefined ? undefined : new Date(date),
      });
    });
  },
});

/** The tokens that have names, as templates know them: `eos_token`. */
function namedTokens(settings: Readonly<Record<string, unknown>>): Record<string, string> {
  const named = Object.entries(settings).flatMap(([name, token]) => {
    const content = typeof token === 'string' ? token : (token as { content?: unknown } | null)?.content;
    return name.endsWith('_token') && typeof content === 'string' ? [[name, content]] : [];
  });
  return Object.fromEntries(named);
}
