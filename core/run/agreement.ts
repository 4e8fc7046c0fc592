/** Whether all processes of a run do the same: they must before the first step, or their numbers would drift apart unseen. */

import { createHash } from 'node:crypto';
import path from 'node:path';
import { EvolveError } from '../base/errors.js';
import { processName } from '../base/launch.js';
import { displayPath } from '../base/paths.js';
import { packageVersion } from '../base/version.js';
import type { RunConfig } from '../config/load.js';
import type { LanguageModel } from '../contracts/backbone.js';
import { describeChoice } from '../model/open-device.js';
import { flat } from './checkpoints/differences.js';
import type { RunWorld } from './run-world.js';
import { countSteps, type TrainingBasis } from './training.js';

/** What may be another in each process. Data and model are compared by what is in them, wherever they lie. */
const OWN = ['output', 'device', 'world', 'plugins', 'data.sources', 'model.path', 'adapter.init'];

/** So many processes, and characters of each, are told. */
const MOST_TOLD = 3;
const MOST_CHARACTERS = 600;

/** @throws EvolveError WORLD_INVALID in all processes, if versions or settings differ from those of process 0 */
export async function agreeOnSettings(world: RunWorld, config: RunConfig): Promise<void> {
  if (world.size === 1) return;
  const settings = flat(config, []).filter(
    ([key]) => !OWN.some((own) => key === own || key.startsWith(`${own}.`)),
  );
  const plugins = config.plugins.map(([file, options]) => [path.basename(file), options]);
  await agree(
    world,
    {
      'version of evolve': packageVersion(),
      ...Object.fromEntries(settings),
      plugins: JSON.stringify(plugins),
    },
    'Give all processes one version of evolve and one configuration.',
  );
}

/**
 * @param fingerprints of model and rows
 * @param resumedFrom the step that the run goes on from
 * @throws EvolveError WORLD_INVALID in all processes, if data, model, device, what is trained or the checkpoint differ from those of
 *     process 0, or if there are more processes than rows in a step
 */
export async function agreeOnParts(
  basis: TrainingBasis,
  model: LanguageModel,
  fingerprints: readonly string[],
  resumedFrom: number | undefined,
): Promise<void> {
  const { world, rows, device } = basis;
  if (world.size === 1) return;
  const [modelFiles, data] = fingerprints.map((hash) => hash.slice(0, 16));
  const facts = {
    'files of the model': modelFiles,
    'rows of the data': `${rows.train.length} to train on, ${rows.validation.length} held out, fingerprint ${data}`,
    device: device?.name ?? 'none',
    'variables that are trained': await fingerprintOfVariables(model),
    'step of the checkpoint': resumedFrom === undefined ? 'none' : String(resumedFrom),
  };
  await agree(
    world,
    facts,
    'Give all processes the same data and model, one kind of device, and one output folder to go on from.',
    { device: device ? describeChoice(device) : undefined },
  );
  const most = Math.min(countSteps(basis).rowsPerStep, rows.train.length);
  if (world.size <= most) return;
  throw new EvolveError(
    'WORLD_INVALID',
    `${world.size} processes are more than the ${most} rows of a step`,
    `Start at most ${most}, or raise train.gradientAccumulationSteps.`,
  );
}

async function fingerprintOfVariables({ trainable }: LanguageModel): Promise<string> {
  const hash = createHash('sha256');
  for (const [name, variable] of trainable) {
    const values = await variable.data<'float32'>();
    hash
      .update(`${name} ${variable.shape}\n`)
      .update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return `${trainable.size}, fingerprint ${hash.digest('hex').slice(0, 16)}`;
}

/**
 * Compares what each process has with what process 0 has, and throws the same error in all.
 *
 * @param details of what differs, such as why
 */
async function agree(
  world: RunWorld,
  own: Readonly<Record<string, string>>,
  advice: string,
  details: Readonly<Record<string, string | undefined>> = {},
): Promise<void> {
  const first = JSON.parse(Buffer.from(await world.broadcast(Buffer.from(JSON.stringify(own)))).toString());
  const differences = [...new Set([...Object.keys(first), ...Object.keys(own)])].flatMap((key) =>
    first[key] === own[key]
      ? []
      : [
          `${key}: ${shown(own[key])}${details[key] ? ` (${details[key]})` : ''}, but ${shown(first[key])} in process 0`,
        ],
  );
  const [differing] = await world.total(Number(differences.length > 0));
  if (differing === 0) return;
  const text = `${processName(world.rank)} differs from process 0\n${differences.join('\n')}`;
  const told = await gathered(world, differences.length > 0 ? text : '');
  const more = differing > MOST_TOLD ? [`${differing - MOST_TOLD} more processes differ`] : [];
  throw new EvolveError('WORLD_INVALID', [...told.slice(0, MOST_TOLD), ...more].join('\n'), advice);
}

/** The texts that are not empty, by rank: each process adds its own to zeros. */
async function gathered(world: RunWorld, text: string): Promise<string[]> {
  const all = new Float64Array(world.size * MOST_CHARACTERS);
  for (let i = 0; i < Math.min(text.length, MOST_CHARACTERS); i++)
    all[world.rank * MOST_CHARACTERS + i] = text.charCodeAt(i);
  await world.sum(all);
  return Array.from({ length: world.size }, (_, rank) => {
    const codes = all.subarray(rank * MOST_CHARACTERS, (rank + 1) * MOST_CHARACTERS);
    return String.fromCharCode(...codes.filter((code) => code > 0));
  }).filter((each) => each !== '');
}

const shown = (json: string | undefined) => (json === undefined ? 'not set' : displayPath(json));
