/** The files of a model that is on this machine: a folder, or one file that holds them all. */

import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { EvolveError, messageOf } from '../base/errors.js';
import { displayPath } from '../base/paths.js';
import type { Checkpoint } from '../contracts/checkpoint.js';
import type { ModelFiles } from '../contracts/model-files.js';
import type { Hooks } from '../plugins/hooks.js';

/** A model's files, its weights included. */
export interface OpenModel extends ModelFiles {
  /** Its tensors, opened on the first call. */
  openCheckpoint(): Promise<Checkpoint>;
  /** Closes the checkpoint, if it was opened. Files can still be read. */
  close(): Promise<void>;
}

/**
 * The files of the model at `location`, an absolute path of a folder or file.
 *
 * @throws EvolveError MODEL_UNKNOWN if nothing is there
 */
export function openModel(hooks: Hooks, location: string): OpenModel {
  if (!existsSync(location)) throw missingModel(location);
  const isFolder = statSync(location).isDirectory();
  const folder = isFolder ? location : path.dirname(location);
  let opened: Promise<Checkpoint | undefined> | undefined;
  const openIfKnown = () => {
    opened ??= hooks.openCheckpoint.promise(location);
    return opened;
  };
  const openCheckpoint = async () => (await openIfKnown()) ?? refuse(hooks, location);
  // A folder with a config.json has all that a model needs. Otherwise the checkpoint may have it.
  const isWhole = isFolder && existsSync(path.join(folder, 'config.json'));
  if (isFolder && !isWhole && existsSync(path.join(folder, ADAPTER_CONFIG))) refuseAdapter(folder);
  if (isFolder && !isWhole && existsSync(path.join(folder, 'config.yaml'))) refuseRun(folder);
  const readModelFile = async (name: string) => {
    const checkpoint = isWhole ? undefined : await (isFolder ? openIfKnown() : openCheckpoint());
    // A checkpoint that holds such files holds all of them: files beside it may be of another model.
    const inside = checkpoint?.files;
    return inside ? inside.get(name) : readIfThere(path.join(folder, name));
  };
  return {
    path: location,
    readFile: readModelFile,
    readJson: async (name) => {
      const bytes = await readModelFile(name);
      return bytes && parseJsonObject(bytes, path.join(folder, name));
    },
    openCheckpoint,
    close: async () => (await opened)?.close(),
  };
}

export function missingModel(location: string): EvolveError {
  const broken = brokenLink(location);
  const message = broken
    ? `${displayPath(location)} ${broken}`
    : `there is no file or folder ${displayPath(location)}`;
  const advice = 'Give a folder with config.json and weights, or owner/name of a model on the hub.';
  return new EvolveError('MODEL_UNKNOWN', message, advice, { at: ['model', 'path'] });
}

/** The tensors at `location`, in whatever format a plugin knows. @throws EvolveError if no plugin does */
export async function openCheckpoint(hooks: Hooks, location: string): Promise<Checkpoint> {
  return (await hooks.openCheckpoint.promise(location)) ?? refuse(hooks, location);
}

const ADAPTER_CONFIG = 'adapter_config.json';

/** @throws EvolveError that tells the base model where the adapter names it */
function refuseAdapter(folder: string): never {
  const message = `${displayPath(folder)} holds an adapter (${ADAPTER_CONFIG}), no model`;
  const base = baseOf(path.join(folder, ADAPTER_CONFIG));
  const model = base === undefined ? 'its base model' : `its base model, ${base},`;
  const advice = `Give ${model} as model.path, and this folder as adapter.init (on the command line --model and --adapter).`;
  throw new EvolveError('MODEL_INVALID', message, advice, { at: ['model', 'path'] });
}

/** @throws EvolveError that says where the model of a run is */
function refuseRun(folder: string): never {
  const message = `${displayPath(folder)} is the folder of a run (config.yaml), no model`;
  const whole = path.join(folder, 'model');
  const advice = existsSync(whole)
    ? `The model that it trained is ${displayPath(whole)}.`
    : `Its config.yaml names its model; the adapter that it trained is ${displayPath(path.join(folder, 'adapter'))}.`;
  const how = `${advice} On the command line --run names a run.`;
  throw new EvolveError('MODEL_INVALID', message, how, { at: ['model', 'path'] });
}

function baseOf(file: string): string | undefined {
  try {
    const { base_model_name_or_path: base } = JSON.parse(readFileSync(file, 'utf8'));
    return typeof base === 'string' && base !== '' ? base : undefined;
  } catch {
    return undefined;
  }
}

function refuse(hooks: Hooks, location: string): never {
  const entries = statSync(location).isDirectory() ? readdirSync(location) : [];
  const broken = entries.flatMap((name) => {
    const link = brokenLink(path.join(location, name));
    return link === undefined ? [] : [`  ${name} ${link}`];
  });
  if (broken.length > 0) {
    const message = `${displayPath(location)}: no weights are there:\n${broken.join('\n')}`;
    throw new EvolveError('CHECKPOINT_INVALID', message, LINK_ADVICE);
  }
  const known = hooks.openCheckpoint.taps.map((tap) => tap.name).join(', ');
  const message = `${displayPath(location)}: no weights in a known format are there`;
  const folder = path.dirname(location);
  const isInModel = statSync(location).isFile() && existsSync(path.join(folder, 'config.json'));
  const advice = isInModel ? `Give the folder of the model, ${displayPath(folder)}. ` : '';
  throw new EvolveError('CHECKPOINT_INVALID', message, `${advice}Formats: ${known}.`);
}

const LINK_ADVICE = 'Put back what the link leads to, or download or copy the files again.';

/** What is wrong with a link that leads nowhere; undefined of anything else. */
function brokenLink(file: string): string | undefined {
  if (existsSync(file) || !lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink()) return undefined;
  return `is a link to ${readlinkSync(file)}, which is not there`;
}

/** A JSON file, parsed; undefined if there is none. */
export async function readJsonFile(file: string): Promise<Record<string, unknown> | undefined> {
  const bytes = await readIfThere(file);
  return bytes && parseJsonObject(bytes, file);
}

/** The bytes of a file; undefined if there is none. */
async function readIfThere(file: string): Promise<Uint8Array | undefined> {
  try {
    // Reading a pipe would wait for a writer.
    if (!(await stat(file)).isFile()) throw new Error('it is no file');
    return await readFile(file);
  } catch (error) {
    const broken = brokenLink(file);
    if (broken) throw new EvolveError('MODEL_INVALID', `${displayPath(file)}: ${broken}`, LINK_ADVICE);
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new EvolveError('MODEL_INVALID', `${displayPath(file)}: cannot be read: ${messageOf(error)}`);
  }
}

function parseJsonObject(bytes: Uint8Array, file: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
    throw new SyntaxError('expected an object');
  } catch (error) {
    throw new EvolveError(
      'MODEL_INVALID',
      `${displayPath(file)}: is no JSON object: ${messageOf(error)}`,
      'Get the file again.',
    );
  }
}
