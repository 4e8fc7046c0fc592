/** What is wrong with a run's configuration besides its form, found before anything is loaded, and told all at once. */

import { existsSync } from 'node:fs';
import path from 'node:path';
import { EvolveError, joined } from '../base/errors.js';
import type { ConfigSections, FurtherFaults, RunConfig } from '../config/load.js';
import type { Locate } from '../config/validate.js';
import { sourcesOf, unknownSource } from '../data/catalogue.js';
import { missingModel } from '../model/files.js';
import {
  type AppliedPlugin,
  builtInPlugins,
  loadPlugins,
  type PluginSelection,
  pluginFaults,
} from '../plugins/load.js';

/** Besides faults of the form: those that plugins find, and what is not there. */
export const furtherFaults: FurtherFaults = async (config, locate) => {
  const errors = (await earlyErrors(config)).map((error) => error.locatedBy(locate));
  return [...(await pluginFaults(config, locate)), ...errors.map(({ message }) => message)];
};

/** The plugins that a configuration calls for. One error tells of them and of what is not there. */
export async function loadChecked(
  config: RunConfig,
  locate: Locate,
  selection: PluginSelection,
): Promise<AppliedPlugin[]> {
  const errors = (await earlyErrors(config)).map((error) => error.locatedBy(locate));
  let plugins: AppliedPlugin[] = [];
  try {
    plugins = await loadPlugins(config, locate, selection);
  } catch (error) {
    if (!(error instanceof EvolveError)) throw error;
    errors.unshift(error);
  }
  if (errors.length > 0) throw joined(errors);
  return plugins;
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
