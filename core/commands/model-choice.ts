/** The model that a command works on: the model of a run, or a base model with or without an adapter. */

import { existsSync } from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { parseDocument } from 'yaml';
import { EvolveError } from '../base/errors.js';
import { displayPath, resolvePath } from '../base/paths.js';
import { type AssemblyConfig, loadConfig, makeAssembly } from '../config/load.js';
import { resolveModel } from '../config/model-name.js';
import type { Locate } from '../config/validate.js';
import { readJsonFile } from '../model/files.js';
import { writerOf } from '../run/lock.js';

export interface ModelChoice {
  readonly run?: string;
  readonly model?: string;
  readonly adapter?: string;
  readonly device?: string;
  /** With `model`: how prompts read, as `data.template` says it in a configuration. */
  readonly template?: string;
  /** With `model`: third parties' plugins, each as an item of `plugins` in a configuration. */
  readonly plugin?: readonly string[];
}

/**
 * The configuration of the model. It has no `adapter` if the model has none.
 *
 * @param unquantized keeps the base model's weights as in the checkpoint, whatever the run did
 */
export async function configOf(options: ModelChoice, { unquantized = false } = {}): Promise<AssemblyConfig> {
  const given = [options.run, options.model].filter((value) => value !== undefined).length;
  if (given !== 1) {
    throw new EvolveError(
      'COMMAND_LINE',
      `expected either --run or --model, but got ${given === 0 ? 'neither' : 'both'}`,
    );
  }
  if (options.run !== undefined) {
    if (options.adapter !== undefined) {
      const message = '--adapter goes with --model, but --run was given';
      throw new EvolveError('COMMAND_LINE', message, 'A run has an adapter of its own.');
    }
    for (const [name, given] of [
      ['template', options.template],
      ['plugin', options.plugin?.[0]],
    ]) {
      if (given === undefined) continue;
      const message = `--${name} goes with --model, but --run was given`;
      throw new EvolveError('COMMAND_LINE', message, 'A run has its own.');
    }
    const run = resolvePath('', options.run);
    requireRun(run);
    const { config } = await loadConfig(path.join(run, 'config.yaml'));
    const { model, plugins } = config;
    const data = { template: config.data.template };
    // A base model that was drawn at random is drawn again, from the same seed.
    const train = { seed: config.train.seed };
    const quantizer = unquantized ? 'none' : config.quantizer;
    const device = options.device ?? config.device;
    const whole = savedIn(run, 'model');
    if (whole) {
      const saved = { path: whole, backbone: model.backbone };
      return makeAssembly({ model: saved, plugins, device, data, train });
    }
    const init = savedIn(run, 'adapter');
    if (!init) {
      const message = `the run ${displayPath(run)} has neither adapter/ nor model/: nothing was saved`;
      throw new EvolveError('MODEL_UNKNOWN', message, whyUnsaved(run));
    }
    const adapter = { method: config.adapter.method, init };
    return makeAssembly({ model, quantizer, plugins, adapter, device, data, train });
  }
  const model = { path: options.model };
  const device = options.device ?? 'auto';
  const data = options.template === undefined ? {} : { template: parsed('template', options.template) };
  const plugins = (options.plugin ?? []).map((entry) => parsed('plugin', entry));
  const base = { model, device, data, plugins };
  if (options.adapter === undefined) return makeAssembly(base);
  const init = resolveModel('', options.adapter);
  // The files of a hub's adapter are not here yet. Adapters with a name are LoRA's.
  const isPath = path.isAbsolute(init);
  const described = isPath ? await readJsonFile(path.join(init, 'adapter_config.json')) : {};
  if (!described) {
    const message = `--adapter ${displayPath(options.adapter)}: there is no adapter_config.json`;
    throw new EvolveError(
      'ADAPTER_INVALID',
      message,
      'Name the folder that holds it; in a run it is adapter/.',
    );
  }
  const method = String(described.peft_type ?? 'lora').toLowerCase();
  const adapter = { method, init };
  return makeAssembly({ ...base, adapter });
}

const OPTIONS: Readonly<Record<string, string>> = {
  model: '--model',
  adapter: '--adapter',
  data: '--template',
  plugins: '--plugin',
  device: '--device',
};

/** Where a key of the model's configuration stands: in that of the run, or in an option of the command line. */
export function locateIn({ run, device }: ModelChoice): Locate {
  const isOption = (section: string) => run === undefined || (section === 'device' && device !== undefined);
  const file = run === undefined ? '' : displayPath(path.join(resolvePath('', run), 'config.yaml'));
  return ([section, ...keys]) => {
    const option = isOption(String(section)) ? OPTIONS[String(section)] : undefined;
    return option ?? `${file && `${file}: `}${[section, ...keys].join('.')}`;
  };
}

/** What a command on a model fails with: the same error, which tells where the key at fault stands. */
export function located(error: unknown, choice: ModelChoice): unknown {
  return error instanceof EvolveError ? error.locatedBy(locateIn(choice)) : error;
}

/** The value of an option that says what a key of a configuration says. */
export function parsed(option: string, text: string): unknown {
  const document = parseDocument(text);
  if (document.errors.length === 0) return document.toJS();
  const message = `--${option} ${text}: the value is no YAML`;
  throw new EvolveError('COMMAND_LINE', message, 'Give a name, or what a configuration would say.');
}

/** What to tell where the adapter lies in the folder of a run that has another template; undefined if there is nothing. */
export async function templateNotice(
  { adapter, template: given }: ModelChoice,
  { data: { template } }: AssemblyConfig,
): Promise<string | undefined> {
  if (adapter === undefined || given !== undefined) return undefined;
  const run = path.dirname(resolvePath('', adapter));
  const file = path.join(run, 'config.yaml');
  const trained = existsSync(file) && (await loadConfig(file).catch(() => undefined))?.config.data.template;
  if (!trained || isDeepStrictEqual(trained, template)) return undefined;
  const [of, by] = [trained.name, template.name].map((name) => JSON.stringify(name));
  return (
    `the adapter was trained with the template ${of}, as ${displayPath(file)} says, but prompts are worded by ${by}. ` +
    `Give --run ${displayPath(run)}, or --template`
  );
}

/** What to tell of a run that has not ended by itself: its answers are those of a save before its end. */
export function unfinishedNotice({ run }: ModelChoice): string | undefined {
  const folder = run === undefined ? undefined : resolvePath('', run);
  if (folder === undefined || existsSync(path.join(folder, 'run.json'))) return undefined;
  const writer = writerOf(folder);
  const how = writer === undefined ? 'was killed before its end' : `goes on still (process ${writer})`;
  return `the run ${displayPath(folder)} ${how}; what it saved last is taken`;
}

/** A run that was killed leaves no run.json, and a lock that nobody holds. */
function whyUnsaved(run: string): string {
  const writer = writerOf(run);
  if (writer !== undefined) return `It goes on still (process ${writer}), and has not saved yet.`;
  if (existsSync(path.join(run, 'run.json'))) return 'Its run.json says how it ended. Let it run again.';
  return 'It was killed before it saved. Let it run again.';
}

function requireRun(folder: string): void {
  if (existsSync(path.join(folder, 'config.yaml'))) return;
  const what = existsSync(folder) ? 'holds no config.yaml: it is no run' : 'is not there';
  const message = `--run ${displayPath(folder)}: the folder ${what}`;
  const above = path.dirname(folder);
  const isWithin = existsSync(path.join(above, 'config.yaml'));
  const run = isWithin ? displayPath(above) : 'such as runs/mine';
  throw new EvolveError('MODEL_UNKNOWN', message, `Name the output folder of a run, ${run}.`);
}

/** What a run saved. A crash in the middle of a save may have left it under the name that it has while it is replaced. */
function savedIn(run: string, saves: 'adapter' | 'model'): string | undefined {
  return [saves, `${saves}.previous`]
    .map((name) => path.join(run, name))
    .find((folder) => existsSync(folder));
}
