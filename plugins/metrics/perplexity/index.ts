/** The perplexity of the held-out rows: e to the mean cross-entropy of a target token, whatever the objective. */

import { definePlugin, type GroupLoss } from '../../../core/index.js';

export default definePlugin({
  name: 'perplexity',
  apiVersion: 2,
  family: 'metrics',
  apply(trainer) {
    trainer.hooks.evaluate.tap(async (metrics, { crossEntropies }) => {
      const { all, bySource = {}, byLanguage = {} } = await crossEntropies();
      const ofGroups = Object.entries({ bySource, byLanguage }).flatMap(([by, groups]) => {
        const entries = Object.entries(groups);
        // One group is all rows, or all of which the language is known.
        return entries.length < 2
          ? []
          : entries.map(([name, group]) => perplexity(`perplexity/${by}/${name}`, group));
      });
      return { ...metrics, ...perplexity('perplexity', all), ...Object.assign({}, ...ofGroups) };
    });
  },
});

/** The standard error is that of the mean, carried through the exponential by its slope. */
function perplexity(name: string, { loss, stderr }: GroupLoss): Record<string, number> {
  const value = Math.exp(loss);
  return { [name]: value, ...(stderr !== undefined && { [`${name}Stderr`]: value * stderr }) };
}
