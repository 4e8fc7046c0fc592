import { mkdir, mkdtemp, readdir, rename, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { EvolveError, messageOf } from '../base/errors.js';
import { displayPath } from '../base/paths.js';
import { parseModelName } from '../config/model-name.js';
import type { LanguageModel } from '../contracts/backbone.js';
import type { CheckpointWrite, TensorToWrite } from '../contracts/checkpoint.js';
import { lowRankAdapter } from '../export/low-rank.js';
import { mergedTensors } from '../export/merged-tensors.js';
import { writeMlxAdapter } from '../export/mlx-adapter.js';
import { ModelFolder } from '../export/model-folder.js';
import type { ModelAssembler } from '../model/assemble.js';
import { loadPlugins } from '../plugins/load.js';
import { composeAssembly } from '../run/compose.js';
import { configOf, type ModelChoice } from './model-choice.js';

interface MergeOptions extends ModelChoice {
  readonly output: string;
}

interface ExportOptions extends MergeOptions {
  readonly format: 'gguf' | 'safetensors' | 'gguf-adapter' | 'mlx';
  readonly type?: CheckpointWrite['type'];
}

/** `evolve merge`: writes base and adapter as one model in Hugging Face layout, in the base's type. */
export function mergeCommand(options: MergeOptions): Promise<void> {
  return write({ ...options, format: 'safetensors' }, true);
}

/** `evolve export`: writes a model as a folder for transformers, or as a GGUF file. An adapter is merged into it. */
export function exportCommand(options: ExportOptions): Promise<void> {
  return write(options, false);
}

async function write(options: ExportOptions, needsAdapter: boolean): Promise<void> {
  const output = path.resolve(options.output);
  await checkOutput(output);
  const config = await configOf(options, { unquantized: true });
  if (needsAdapter && !config.adapter) {
    const what =
      options.run === undefined
        ? 'there is no --adapter'
        : `the run ${displayPath(options.run)} left a whole model`;
    throw new EvolveError(
      'COMMAND_LINE',
      `${what}: nothing is to be merged`,
      'evolve export writes a model as it is.',
    );
  }
  const trackers = [['progress', { stream: 'stderr' }]] as const;
  const plugins = await loadPlugins(config, (keys) => keys.join('.'), { trackers, folder: options.run });
  const interruption = new AbortController();
  process.once('SIGINT', () => interruption.abort());
  process.once('SIGTERM', () => interruption.abort());
  const { hooks, assembler } = composeAssembly(config, plugins, interruption.signal);
  await assembler.openDevice();
  const assembled = await assembler.assemble();
  const { model } = assembled;
  try {
    await mkdir(path.dirname(output), { recursive: true });
    // A new folder beside the output: nobody else writes into it.
    const place = await mkdtemp(`${output}.`);
    try {
      const whole = path.join(place, path.basename(output));
      await mkdir(whole);
      await writeModel(model, assembler, whole, options, async (request) => {
        const tensors = interruptible(request.tensors, interruption.signal);
        if (await hooks.writeCheckpoint.promise({ ...request, tensors })) return;
        throw new EvolveError('COMMAND_LINE', `no plugin writes ${path.basename(request.path)}`);
      });
      await rmdir(output).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
      await rename(whole, output);
    } finally {
      await rm(place, { recursive: true, force: true });
    }
  } catch (cause) {
    const isOfSystem = cause instanceof Error && 'errno' in cause;
    const root = cause instanceof EvolveError ? cause.cause : undefined;
    if (!isOfSystem && !(root instanceof Error && 'errno' in root)) throw cause;
    const message = `the model cannot be written to ${displayPath(output)}: ${messageOf(root ?? cause)}`;
    throw new EvolveError('WRITE_FAILED', message, 'Make room or choose another --output.', { cause });
  } finally {
    assembled.dispose();
  }
  process.stderr.write(`written: ${displayPath(output)}\n`);
}

/** A folder for transformers, or model.gguf alone. */
async function writeModel(
  model: LanguageModel,
  files: Pick<ModelAssembler, 'readModelFile'>,
  folder: string,
  { format, type }: ExportOptions,
  writeTensors: (request: CheckpointWrite) => Promise<void>,
): Promise<void> {
  if (format === 'mlx') return writeMlxAdapter(model, folder, type ?? 'f32', writeTensors);
  if (format === 'gguf-adapter')
    return writeGgufAdapter(model, files, path.join(folder, 'adapter.gguf'), type, writeTensors);
  const merged = mergedTensors(model);
  const base = merged.get(`${model.linears[0].name}.weight`)?.type ?? 'f32';
  const wanted = type ?? base;
  const tensors = type === undefined ? merged : untyped(merged);
  const layout = await ModelFolder.like(model, files, wanted === 'q8_0' ? base : wanted);
  if (format === 'gguf') {
    const turned = model.linears.find((site) => site.layout === 'in-out');
    if (turned) {
      const message = `${turned.name} is kept as [in, out] by the checkpoint, and GGUF is not written for such models`;
      throw new EvolveError('MODEL_INVALID', message, 'Take --format safetensors.');
    }
    const file = path.join(folder, 'model.gguf');
    return writeTensors({ path: file, tensors, type: wanted, files: layout.files, name: nameOf(model) });
  }
  await layout.write(tensors, {
    folder,
    writeTensors: (request) => writeTensors({ ...request, type: wanted }),
  });
}

/** The adapter alone, as llama.cpp loads it beside a model. */
async function writeGgufAdapter(
  model: LanguageModel,
  { readModelFile }: Pick<ModelAssembler, 'readModelFile'>,
  file: string,
  type: CheckpointWrite['type'],
  writeTensors: (request: CheckpointWrite) => Promise<void>,
): Promise<void> {
  const { alpha, layers } = lowRankAdapter(model);
  const tensors = new Map<string, TensorToWrite>();
  for (const [name, { rank, a, b }] of layers) {
    tensors.set(`${name}.weight.lora_a`, { shape: [rank, a.length / rank], values: a });
    tensors.set(`${name}.weight.lora_b`, { shape: [b.length / rank, rank], values: b });
  }
  const config = await readModelFile('config.json');
  const files = new Map(config ? [['config.json', config]] : []);
  await writeTensors({
    path: file,
    tensors,
    type: type ?? 'f32',
    files,
    name: nameOf(model),
    adapter: { alpha },
  });
}

/** The last part of the name under which the model is found. */
function nameOf({ name }: LanguageModel): string {
  const { repository = name } = parseModelName(name) ?? {};
  return path.basename(repository, '.gguf');
}

/** The same tensors, without types of their own. */
function untyped(tensors: ReadonlyMap<string, TensorToWrite>): Map<string, TensorToWrite> {
  return new Map([...tensors].map(([name, { shape, values }]) => [name, { shape, values }]));
}

/** The same tensors. Writing them ends when the person interrupts. */
function interruptible(
  tensors: ReadonlyMap<string, TensorToWrite>,
  signal: AbortSignal,
): Map<string, TensorToWrite> {
  return new Map(
    [...tensors].map(([name, tensor]) => {
      const values = function* () {
        for (const piece of tensor.values instanceof Float32Array ? [tensor.values] : tensor.values()) {
          if (signal.aborted) throw new EvolveError('INTERRUPTED', 'interrupted; nothing was written');
          yield piece;
        }
      };
      return [name, { ...tensor, values }];
    }),
  );
}

/** Checks that the folder may be written: it must be new or empty. */
async function checkOutput(output: string): Promise<void> {
  const entries = await readdir(output).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new EvolveError(
      'OUTPUT_FOLDER',
      `--output ${displayPath(output)}: ${error.message}`,
      'Name another folder.',
    );
  });
  if (entries.length === 0) return;
  throw new EvolveError(
    'OUTPUT_FOLDER',
    `--output ${displayPath(output)} is not empty`,
    'Name another folder.',
  );
}
