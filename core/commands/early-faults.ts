/** What is wrong with a run's configuration besides its form, found before anything is loaded, and told all at once. */

import { existsSync } from 'node:fs';
import path from 'node:path';
import { type EvolveError, joined } from '../base/errors.js';
import { type ConfigSections, type FurtherFaults, inOrder, type RunConfig } from '../config/load.js';
import type { Locate } from '../config/validate.js';
import { sourcesOf, unknownSource } from '../data/sources.js';
import { missingModel } from '../model/files.js';
import { type AppliedPlugin, builtInPlugins, findPlugins, type PluginSelection } from '../plugins/load.js';

/** Besides faults of the form: those that plugins find, and what is not there. */
export const furtherFaults: FurtherFaults = async (config, locate, folder) => {
  const { errors } = await findChecked(config, locate, { trackers: [], folder });
  return errors.map(({ message }) => message);
};

/** The plugins that a configuration calls for. One error tells of them and of what is not there. */
export async function loadChecked(
  config: RunConfig,
  locate: Locate,
  selection: PluginSelection,
): Promise<AppliedPlugin[]> {
  const { applied, errors } = await findChecked(config, locate, selection);
  if (errors.length > 0) throw joined(inOrder(errors, ({ message }) => message));
  return applied;
}

async function findChecked(config: ConfigSections, locate: Locate, selection: PluginSelection) {
  const { applied, errors } = await findPlugins(config, locate, selection);
  const missing = (await earlyErrors(config)).map((error) => error.locatedBy(locate));
  return { applied, errors: [...errors, ...missing] };
}

async function earlyErrors({ model, data, plugins = [] }: ConfigSections): Promise<EvolveError[]> {
  const errors: EvolveError[] = [];
  // What adapter.init names is looked for by the adapter's plugin.
  if (model && path.isAbsolute(model.path) && !existsSync(model.path)) errors.push(missingModel(model.path));
  if (data?.sources === undefined) return errors;
  const { sources, faults } = sourcesOf(data);
  errors.push(...faults);
  const builtIn = await builtInPlugins();
  // A third party's plugin knows formats that only it can name: it is asked when data is read.
  if (plugins.some(([name]) => !builtIn.some((plugin) => plugin.name === name))) return errors;
  const formats = builtIn.flatMap(({ name, family }) => (family === 'datasets' ? [name] : []));
  const unknown = sources.filter(({ format }) => !formats.includes(format));
  return [...errors, ...unknown.map((source) => unknownSource(source, formats))];
}
