import { existsSync } from 'node:fs';
import path from 'node:path';
import { loadConfig, makeConfig, type RunConfig } from '../config.js';
import { composeRun } from '../container.js';
import { EvolveError } from '../errors.js';
import { GENERATE_DEFAULTS, type GenerateOptions, generate } from '../generate.js';
import { loadPlugins } from '../load-plugins.js';
import { readJsonFile } from '../model-assembler.js';
import { resolveModel } from '../model-name.js';
import { shown } from '../paths.js';

interface GenerateCommandOptions extends Partial<GenerateOptions> {
  readonly run?: string;
  readonly model?: string;
  readonly adapter?: string;
  readonly instruction: string;
  readonly input: string;
  readonly greedy?: true;
  readonly device?: string;
  readonly json?: true;
}

/** `evolve generate`: the answer goes to standard output, everything else to standard error. */
export async function generateCommand(options: GenerateCommandOptions): Promise<void> {
  const sampling = samplingOptions(options);
  const { config, adapter } = await configOf(options);
  const trackers = [['progress', { stream: 'stderr' }]] as const;
  const plugins = await loadPlugins(config, (keys) => keys.join('.'), { trackers, adapter });
  const { assembler } = composeRun(config, plugins);
  await assembler.openDevice();
  const model = await assembler.assemble();
  try {
    const { instruction, input } = options;
    const generated = await generate(model, { instruction, input }, sampling);
    const { text: output, tokens, stopped } = generated;
    process.stdout.write(
      `${options.json ? JSON.stringify({ instruction, input, output, tokens, stopped }) : output}\n`,
    );
  } finally {
    model.dispose();
  }
}

/** Greedy unless an option of sampling is given. */
function samplingOptions(options: GenerateCommandOptions): GenerateOptions {
  const samples =
    options.temperature !== undefined || options.topP !== undefined || options.topK !== undefined;
  if (options.greedy && samples) {
    const message = '--greedy takes no --temperature, --top-p or --top-k';
    throw new EvolveError('COMMAND_LINE', message, 'Leave one or the other out.');
  }
  const given = Object.fromEntries(
    Object.keys(GENERATE_DEFAULTS).flatMap((key) => {
      const value = options[key as keyof GenerateOptions];
      return value === undefined ? [] : [[key, value]];
    }),
  );
  return { ...GENERATE_DEFAULTS, ...(samples ? { temperature: 1 } : {}), ...given };
}

/** The part of a run's configuration that generation needs, and whether there is an adapter. */
async function configOf(options: GenerateCommandOptions): Promise<{ config: RunConfig; adapter: boolean }> {
  const given = [options.run, options.model].filter((value) => value !== undefined).length;
  if (given !== 1) {
    throw new EvolveError(
      'COMMAND_LINE',
      `expected either --run or --model, but got ${given === 0 ? 'neither' : 'both'}`,
    );
  }
  const data = { sources: ['none'] };
  if (options.run !== undefined) {
    if (options.adapter !== undefined) {
      const message = '--adapter goes with --model, but --run was given';
      throw new EvolveError('COMMAND_LINE', message, 'A run has an adapter of its own.');
    }
    const { config } = await loadConfig(path.join(options.run, 'config.yaml'));
    const { model, quantizer, plugins } = config;
    const device = options.device ?? config.device;
    const whole = path.resolve(options.run, 'model');
    if (existsSync(whole)) {
      return { config: makeConfig({ model: { path: whole }, plugins, device, data }), adapter: false };
    }
    const adapter = { method: config.adapter.method, init: path.resolve(options.run, 'adapter') };
    return { config: makeConfig({ model, quantizer, plugins, adapter, device, data }), adapter: true };
  }
  const model = { path: options.model };
  const device = options.device ?? 'auto';
  if (options.adapter === undefined) return { config: makeConfig({ model, device, data }), adapter: false };
  const init = resolveModel('', options.adapter);
  // What a hub has is here only once it was asked; adapters with a name of their own are LoRA's.
  const isPath = path.isAbsolute(init);
  const described = isPath ? await readJsonFile(path.join(init, 'adapter_config.json')) : {};
  if (!described) {
    const message = `--adapter ${shown(options.adapter)}: there is no adapter_config.json`;
    throw new EvolveError(
      'ADAPTER_INVALID',
      message,
      'Name the folder that holds it; in a run it is adapter/.',
    );
  }
  const method = String(described.peft_type ?? 'lora').toLowerCase();
  const adapter = { method, init };
  return { config: makeConfig({ model, device, data, adapter }), adapter: true };
}
