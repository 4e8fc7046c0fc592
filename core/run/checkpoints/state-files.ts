/** The state of a run as two files of a checkpoint: state.json, and state.safetensors with all tensors in fp32. */

import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { inspect } from 'node:util';
import { EvolveError } from '../../base/errors.js';
import { decodeFloats } from '../../base/floats.js';
import { displayPath } from '../../base/paths.js';
import { tf } from '../../base/tf.js';
import { packageVersion } from '../../base/version.js';
import type { RunConfig } from '../../config/load.js';
import type { TensorToWrite } from '../../contracts/checkpoint.js';
import type { RunState } from '../../contracts/state.js';
import { openCheckpoint } from '../../model/files.js';
import type { Hooks } from '../../plugins/hooks.js';
import { CHECKSUMS } from './checksums.js';
import type { RowsFingerprint } from './fingerprint.js';

const JSON_FILE = 'state.json';
const TENSORS_FILE = 'state.safetensors';
/** Of state.json. Another number says that this evolve cannot read it. */
const FORM = 3;
const VARIABLE = 'variable ';
const OPTIMIZER = 'optimizer ';

/** What a checkpoint tells of the run that it is of. */
export interface RunFacts {
  /** As the run resolved it. */
  readonly config: RunConfig;
  readonly rows: RowsFingerprint;
  /** The fingerprint of the base model's files. */
  readonly model: string;
  /** How many steps are done, and how many the run is to have. */
  readonly step: number;
  readonly totalSteps: number;
  /** The step of which the adapter, or the model, is that the run keeps; null if nothing is kept yet. */
  readonly savedStep: number | null;
  /** What is saved stays, until a plugin asks for another save. */
  readonly isKept: boolean;
  /** The held-out loss after this step; null if it was not measured there. */
  readonly evalLoss: number | null;
  /** What computed. */
  readonly device: string;
  /** Of evolve. */
  readonly version: string;
}

/** All that a run needs to go on. */
export interface SavedRun {
  readonly facts: RunFacts;
  readonly state: RunState;
  /** The trained variables, `[…shape]`. */
  readonly variables: ReadonlyMap<string, { shape: readonly number[]; values: Float32Array }>;
}

/** Writes the state, and the variables that it goes with. */
export async function writeState(
  folder: string,
  { optimizer, ...state }: RunState,
  variables: ReadonlyMap<string, tf.Variable>,
  facts: RunFacts,
  hooks: Hooks,
): Promise<void> {
  const tensors = new Map<string, TensorToWrite>();
  for (const [prefix, map] of [
    [VARIABLE, variables],
    [OPTIMIZER, optimizer.tensors],
  ] as const) {
    for (const [name, tensor] of map) {
      if (tensor.dtype !== 'float32')
        throw new Error(`the state's tensor "${name}" is of ${tensor.dtype}, not of float32`);
      tensors.set(prefix + name, { shape: tensor.shape, values: await tensor.data<'float32'>() });
    }
  }
  await hooks.writeCheckpoint.promise({ path: path.join(folder, TENSORS_FILE), tensors });
  for (const [name, kept] of Object.entries(state.plugins))
    checkJson(kept, `what "${name}" keeps in saveState`);
  const json = { form: FORM, facts, state: { ...state, optimizer: { numbers: optimizer.numbers } } };
  await writeFile(path.join(folder, JSON_FILE), `${JSON.stringify(json, null, 2)}\n`);
}

/** JSON.stringify drops in silence what JSON does not have. @throws EvolveError PLUGIN_FAILED if a value is no JSON */
function checkJson(value: unknown, place: string): void {
  const isObject = typeof value === 'object' && value !== null;
  if (isObject && (Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype)) {
    for (const [key, item] of Object.entries(value))
      if (item !== undefined) checkJson(item, `${place}.${key}`);
    return;
  }
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value))
    return;
  throw new EvolveError(
    'PLUGIN_FAILED',
    `${place} is ${inspect(value, { depth: 0 })}, which JSON does not have`,
    'Keep numbers that are finite, texts, true, false, null, and arrays and plain objects of these.',
  );
}

/**
 * What a checkpoint tells of its run, without the tensors.
 *
 * @throws EvolveError RESUME if it is of a form that this evolve does not know
 */
export async function readFacts(folder: string): Promise<RunFacts> {
  return (await readJson(folder)).facts;
}

/** The names of the files that make a checkpoint an adapter, or a model, besides those of the state. */
export async function learnedFiles(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => ![JSON_FILE, TENSORS_FILE, CHECKSUMS].includes(name));
}

async function readJson(folder: string): Promise<{ facts: RunFacts; state: RunState }> {
  const json = JSON.parse(await readFile(path.join(folder, JSON_FILE), 'utf8'));
  if (json.form === FORM) return json;
  const writer = json.facts?.version;
  throw new EvolveError(
    'RESUME',
    `${displayPath(path.join(folder, JSON_FILE))} is of form ${json.form}, and evolve ${packageVersion()} reads form ${FORM}`,
    `Go on with the evolve that wrote it${typeof writer === 'string' ? `, ${writer}` : ''}. To start anew, leave --resume out: what is there is moved aside.`,
  );
}

/** Reads a state. The tensors of the optimizer are the caller's, who frees them. */
export async function readState(folder: string, hooks: Hooks): Promise<SavedRun> {
  const { facts, state } = await readJson(folder);
  const file = await openCheckpoint(hooks, path.join(folder, TENSORS_FILE));
  const variables = new Map<string, { shape: readonly number[]; values: Float32Array }>();
  const kept = new Map<string, tf.Tensor>();
  try {
    for (const [name, { shape }] of file.tensors) {
      const values = new Float32Array(shape.reduce((product, extent) => product * extent, 1));
      decodeFloats('f32', await file.read(name), values);
      if (name.startsWith(VARIABLE)) variables.set(name.slice(VARIABLE.length), { shape, values });
      else kept.set(name.slice(OPTIMIZER.length), tf.tensor(values, [...shape]));
    }
  } finally {
    await file.close();
  }
  return { facts, variables, state: { ...state, optimizer: { ...state.optimizer, tensors: kept } } };
}
