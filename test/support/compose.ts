import { readFileSync } from 'node:fs';
import { makeConfig, type RunConfig } from '../../core/config/load.js';
import type {
  DataSource,
  Encoder,
  Example,
  InstructionExample,
  LanguageModel,
  LogEvent,
} from '../../core/index.js';
import { loadPlugins } from '../../core/plugins/load.js';
import type { Plugin } from '../../core/plugins/plugin.js';
import { composeRun, type Run } from '../../core/run/compose.js';
import { collect } from './errors.js';
import { fixture } from './files.js';

export interface ComposedRun extends Run {
  readonly config: RunConfig;
  /** Everything that was logged. */
  readonly events: LogEvent[];
}

export interface ComposeOptions {
  readonly trackers?: readonly string[];
  /** False: a base model alone. */
  readonly adapter?: boolean;
  /** Applied after those that the configuration calls for. */
  readonly further?: readonly Plugin[];
  readonly signal?: AbortSignal;
}

/** A run as the commands compose it, from configuration values; what is left out does not matter to the test. */
export async function compose(
  values: Record<string, unknown> = {},
  { trackers = [], adapter = true, further = [], signal }: ComposeOptions = {},
): Promise<ComposedRun> {
  const config = makeConfig({ model: { path: '.' }, data: { sources: ['none'] }, ...values });
  const named = adapter ? config : { ...config, adapter: undefined };
  const plugins = await loadPlugins(named, (keys) => keys.join('.'), { trackers });
  const applied = further.map((plugin) => ({ plugin, options: {}, builtIn: false }));
  const run = composeRun(named as RunConfig, [...plugins, ...applied], signal);
  const events: LogEvent[] = [];
  run.hooks.log.tap('test', (event) => {
    events.push(event);
  });
  return { ...run, config, events };
}

/** A run whose model is there, and the model's encoder. */
export interface AssembledRun extends ComposedRun {
  readonly encoder: Encoder;
}

/** Lets `use` work with the model of a configuration, and frees it; without `adapter` it is the base model. */
export async function withModel<T>(
  values: Record<string, unknown>,
  use: (model: LanguageModel, run: AssembledRun) => Promise<T> | T,
): Promise<T> {
  const portable = { name: 'portable', backend: 'wasm' };
  const run = await compose({ device: portable, ...values }, { adapter: values.adapter !== undefined });
  await run.assembler.openDevice();
  const { model, encoder, dispose } = await run.assembler.assemble();
  try {
    return await use(model, { ...run, encoder });
  } finally {
    dispose();
  }
}

/** The encoder of a model, which takes neither device nor weights. */
export async function encoderOf(values: Record<string, unknown>): Promise<Encoder> {
  const { assembler } = await compose(values, { adapter: false });
  return assembler.loadEncoder();
}

/** What the dataset plugin of a format makes of a file. */
export async function readData(format: string, path: string): Promise<InstructionExample[]> {
  return (await readSource({ name: path, path, format, index: 0 })) as InstructionExample[];
}

/** What dataset plugins make of a source; `events` gets what they say. */
export async function readSource(source: DataSource, events: LogEvent[] = []): Promise<Example[]> {
  const run = await compose();
  const examples = await run.hooks.loadData.promise(source);
  if (!examples) throw new Error(`no plugin knows the format ${source.format}`);
  try {
    return await collect(examples);
  } finally {
    events.push(...run.events);
  }
}

/** A JSON file of test/fixtures. */
export function readFixture<T>(...names: string[]): T {
  return JSON.parse(readFileSync(fixture(...names), 'utf8')) as T;
}

/** An array as the fixtures keep it: base64 of little-endian float32. */
export function floatsOf(base64: string): Float32Array {
  return new Float32Array(Uint8Array.from(Buffer.from(base64, 'base64')).buffer);
}

/** Has the `save` hook write the model's adapter into a folder, as a run does. */
export async function saveAdapter(run: ComposedRun, model: LanguageModel, folder: string): Promise<void> {
  await run.hooks.save.promise({
    folder,
    model,
    step: 0,
    writeTensors: async (request) => {
      if (!(await run.hooks.writeCheckpoint.promise(request))) throw new Error('no format writes this');
    },
  });
}
