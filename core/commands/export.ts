import { mkdir, mkdtemp, readdir, rename, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { EvolveError, messageOf } from '../base/errors.js';
import { displayPath, resolvePath } from '../base/paths.js';
import { checkWritable } from '../base/writable.js';
import type { LanguageModel } from '../contracts/backbone.js';
import type { CheckpointWrite, TensorToWrite } from '../contracts/checkpoint.js';
import { mergedTensors } from '../export/merged-tensors.js';
import { ModelFolder } from '../export/model-folder.js';
import type { ModelAssembler } from '../model/assemble.js';
import { loadPlugins } from '../plugins/load.js';
import { composeAssembly } from '../run/compose.js';
import { catchInterruption } from './interruption.js';
import { configOf, type ModelChoice } from './model-choice.js';

interface MergeOptions extends ModelChoice {
  readonly output: string;
  readonly json?: true;
}

interface ExportOptions extends MergeOptions {
  readonly format: 'gguf' | 'safetensors';
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
  const output = resolvePath('', options.output);
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
  const plugins = await loadPlugins(config, (keys) => keys.join('.'), { trackers });
  const { signal } = catchInterruption();
  const { hooks, assembler } = composeAssembly(config, plugins, signal);
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
        const tensors = interruptible(request.tensors, signal);
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
  if (options.json) process.stdout.write(`${JSON.stringify({ type: 'done', output })}\n`);
}

/** A folder for transformers, or model.gguf alone. */
async function writeModel(
  model: LanguageModel,
  files: Pick<ModelAssembler, 'readModelFile'>,
  folder: string,
  { format, type }: ExportOptions,
  writeTensors: (request: CheckpointWrite) => Promise<void>,
): Promise<void> {
  const merged = mergedTensors(model);
  const base = merged.get(`${model.linears[0].name}.weight`)?.type ?? 'f32';
  const wanted = type ?? base;
  const tensors = type === undefined ? merged : untyped(merged);
  const layout = await ModelFolder.like(model, files, wanted === 'q8_0' ? base : wanted);
  if (format === 'gguf') {
    const file = path.join(folder, 'model.gguf');
    return writeTensors({ path: file, tensors, type: wanted, files: layout.files });
  }
  await layout.write(tensors, {
    folder,
    writeTensors: (request) => writeTensors({ ...request, type: wanted }),
  });
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
  if (entries.length === 0) return checkWritable(output, '--output');
  throw new EvolveError(
    'OUTPUT_FOLDER',
    `--output ${displayPath(output)} is not empty`,
    'Name another folder.',
  );
}
