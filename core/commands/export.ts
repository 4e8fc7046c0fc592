import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { EvolveError, messageOf } from '../base/errors.js';
import { displayPath, resolvePath } from '../base/paths.js';
import { checkWritable } from '../base/writable.js';
import { parseModelName } from '../config/model-name.js';
import type { LanguageModel } from '../contracts/backbone.js';
import type { CheckpointWrite, TensorToWrite } from '../contracts/checkpoint.js';
import { type ChatWords, chatTemplateOf } from '../export/chat-template.js';
import { ggufAdapter } from '../export/gguf-adapter.js';
import { mergedTensors } from '../export/merged-tensors.js';
import { writeMlxAdapter } from '../export/mlx-adapter.js';
import { ModelFolder } from '../export/model-folder.js';
import type { AssembledModel, ModelAssembler } from '../model/assemble.js';
import { loadPlugins } from '../plugins/load.js';
import { composeAssembly } from '../run/compose.js';
import { catchInterruption } from './interruption.js';
import { configOf, located, locateIn, type ModelChoice, unfinishedNotice } from './model-choice.js';

interface MergeOptions extends ModelChoice {
  readonly output: string;
  readonly keepChatTemplate?: true;
  readonly json?: true;
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
  try {
    await writeOutput(options, needsAdapter);
  } catch (error) {
    throw located(error, options);
  }
}

async function writeOutput(options: ExportOptions, needsAdapter: boolean): Promise<void> {
  const output = resolvePath('', options.output);
  await (isFile(options) ? checkOutputFile(output) : checkOutput(output));
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
  const plugins = await loadPlugins(config, locateIn(options), { trackers, folder: options.run });
  const { signal } = catchInterruption();
  const { hooks, context, assembler } = composeAssembly(config, plugins, signal);
  const message = unfinishedNotice(options);
  if (message !== undefined) hooks.log.call({ type: 'notice', message });
  await assembler.openDevice();
  const assembled = await assembler.assemble();
  const { model } = assembled;
  context.assembled(assembled);
  try {
    await mkdir(path.dirname(output), { recursive: true });
    // A new folder beside the output: nobody else writes into it.
    const place = await mkdtemp(`${output}.`);
    try {
      const whole = path.join(place, path.basename(output));
      if (!isFile(options)) await mkdir(whole);
      const chat = trainedWords(assembled, options);
      await writeModel(model, assembler, whole, { ...options, chat }, async (request) => {
        const tensors = interruptible(request.tensors, signal);
        if (await hooks.writeCheckpoint.promise({ ...request, tensors })) return;
        throw new EvolveError('COMMAND_LINE', `no plugin writes ${path.basename(request.path)}`);
      });
      if (!isFile(options)) await removeEmpty(output);
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

/** Writes a folder for transformers, model.gguf alone, or an adapter alone. `place` is the folder, or the file. */
async function writeModel(
  model: LanguageModel,
  files: Pick<ModelAssembler, 'readModelFile'>,
  place: string,
  { format, type, chat }: ExportOptions & { readonly chat: ChatWords },
  writeTensors: (request: CheckpointWrite) => Promise<void>,
): Promise<void> {
  const name = nameOf(model);
  if (format === 'mlx') return writeMlxAdapter(model, place, type ?? 'f32', writeTensors);
  if (format === 'gguf-adapter')
    return writeTensors({
      ...(await ggufAdapter(model, files)),
      path: fileIn(place, 'adapter.gguf'),
      name,
      type: type ?? 'f32',
    });
  const merged = mergedTensors(model);
  const base = merged.get(`${model.linears[0].name}.weight`)?.type ?? 'f32';
  const wanted = type ?? base;
  const tensors = type === undefined ? merged : untyped(merged);
  const layout = await ModelFolder.like(model, files, wanted === 'q8_0' ? base : wanted, chat);
  if (format === 'gguf') {
    const turned = model.linears.find((site) => site.layout === 'in-out');
    if (turned) {
      const message = `${turned.name} is kept as [in, out] by the checkpoint, and GGUF is not written for such models`;
      throw new EvolveError('MODEL_INVALID', message, 'Take --format safetensors.');
    }
    const file = fileIn(place, 'model.gguf');
    return writeTensors({ path: file, tensors, type: wanted, files: layout.files, name });
  }
  await layout.write(tensors, {
    folder: place,
    writeTensors: (request) => writeTensors({ ...request, type: wanted }),
  });
}

/** The chat template of a run, which the person is told of, and the tokens at which its answers end. */
function trainedWords(
  { template, encoder }: AssembledModel,
  { run, format, keepChatTemplate }: ExportOptions,
): ChatWords {
  if (run === undefined || keepChatTemplate || format === 'mlx' || format === 'gguf-adapter') return {};
  const { eosId, stopIds = [eosId] } = encoder.tokenizer;
  const chatTemplate = chatTemplateOf(template, encoder);
  const isBase = chatTemplate === undefined && template.passages !== undefined;
  const told = isBase
    ? "the base model's, with which the run trained"
    : chatTemplate === undefined
      ? `the base model's is kept, for the template "${template.name}" cannot be told as one`
      : `that of the template "${template.name}", with which the run trained (--keep-chat-template keeps the base model's)`;
  process.stderr.write(`chat template: ${told}\n`);
  return { chatTemplate, stopIds };
}

/** What is meant to be a file by its ending is one; otherwise the file lies in a folder. */
function isFile({ format, output }: ExportOptions): boolean {
  return format.startsWith('gguf') && output.endsWith('.gguf');
}

/** The file at `place`, or the one of this name in the folder `place`. */
function fileIn(place: string, name: string): string {
  return place.endsWith('.gguf') ? place : path.join(place, name);
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

async function removeEmpty(folder: string): Promise<void> {
  await rmdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

/** Checks that the file may be written: it must be new. */
async function checkOutputFile(output: string): Promise<void> {
  if (!existsSync(output)) return checkWritable(output, '--output');
  const message = `--output ${displayPath(output)} is there already`;
  throw new EvolveError('OUTPUT_FOLDER', message, 'Name another file, or remove this one.');
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
