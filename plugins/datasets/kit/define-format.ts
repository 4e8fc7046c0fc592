import { definePlugin, type Plugin } from '../../../core/index.js';
import { FORMATS, type Format } from './format.js';
import { readExamples } from './read-examples.js';

/** The plugin of a format: it answers for sources that name it. */
export function defineFormat(format: Format): Plugin {
  return definePlugin<unknown>({
    name: format.name,
    apiVersion: format.apiVersion,
    family: 'datasets',
    apply(trainer) {
      trainer.provide(FORMATS, format);
      trainer.hooks.loadData.tap((source, { signal }) =>
        source.format === format.name && source.path !== undefined
          ? readExamples(() => format, source, {
              signal,
              formats: trainer.provided(FORMATS),
              tell: trainer.notice,
            })
          : undefined,
      );
    },
  });
}
