/** `evolve verify DIR`: repeats the proof that a run trained its model and saved what it trained. */

import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { EvolveError, messageOf } from '../base/errors.js';
import { displayPath, resolvePath } from '../base/paths.js';
import { printable } from '../base/printable.js';
import { loadConfig, type RunConfig } from '../config/load.js';
import type { EncodedExample } from '../contracts/labels.js';
import type { RunResult, StepEvent } from '../contracts/tracker.js';
import { loadPlugins } from '../plugins/load.js';
import { type JsonLine, readJsonLines } from '../report/json-lines.js';
import { composeAssembly, composeRun } from '../run/compose.js';
import { distance, type SampleLogits, sampleLogits } from '../run/proof/sample-logits.js';
import type { Verified } from '../run/verifier.js';
import { catchInterruption } from './interruption.js';
import { configOf, located, locateIn } from './model-choice.js';

interface VerifyOptions {
  readonly replay?: number;
  readonly from?: number;
  readonly device?: string;
  readonly json?: true;
}

/** How far losses may be apart on another device than the run's, relative to their size. */
const TOLERANCE = 0.01;
/** And logits, relative to the largest: devices round weights and products in other ways, as int8 and bf16 do. */
const LOGITS_TOLERANCE = 0.05;

/** Something that was held to what the run told. */
interface Finding {
  readonly check: string;
  readonly passed: boolean;
  readonly text: string;
}

/** Ends with status 1 where something does not hold. */
export async function verifyCommand(given: string, options: VerifyOptions): Promise<void> {
  if (options.from !== undefined && options.replay === undefined) {
    const message = '--from says from which checkpoint steps are done once more, but --replay is missing';
    throw new EvolveError('COMMAND_LINE', message, 'Such as --replay 5 --from 200');
  }
  const folder = resolvePath('', given);
  const result = resultIn(folder);
  const { signal } = catchInterruption();
  const output = await mkdtemp(path.join(tmpdir(), 'evolve-verify-'));
  try {
    const findings = await verified(folder, result, { ...options, output, signal });
    for (const { check, passed, text } of findings)
      process.stdout.write(
        options.json
          ? `${JSON.stringify({ type: 'check', check, passed, text })}\n`
          : printable(`${passed ? 'pass' : 'FAIL'}  ${check}: ${text}\n`),
      );
    const failed = findings.filter(({ passed }) => !passed).length;
    if (options.json) process.stdout.write(`${JSON.stringify({ type: 'done', failed })}\n`);
    if (failed > 0) process.exitCode = 1;
  } catch (error) {
    throw located(error, { run: folder });
  } finally {
    await rm(output, { recursive: true, force: true });
  }
}

function resultIn(folder: string): RunResult {
  const file = path.join(folder, 'run.json');
  if (!existsSync(path.join(folder, 'config.yaml')) || !existsSync(file)) {
    const message = `${displayPath(folder)} is no folder of a run that ended: it lacks config.yaml or run.json`;
    throw new EvolveError('COMMAND_LINE', message, '`evolve runs` lists runs.');
  }
  let result: RunResult;
  try {
    result = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new EvolveError('COMMAND_LINE', `${displayPath(file)} is no JSON: ${messageOf(cause)}`, '', {
      cause,
    });
  }
  if (result.proof) return result;
  const message = `${displayPath(file)} has no proof of training: the run is ${result.status}`;
  throw new EvolveError(
    'COMMAND_LINE',
    message,
    'A run has it when it came to its end. To go on: evolve run --resume DIR',
  );
}

interface Place extends VerifyOptions {
  /** Where plugins may write, in place of the run's folder. */
  readonly output: string;
  readonly signal: AbortSignal;
}

async function verified(folder: string, result: RunResult, options: Place): Promise<Finding[]> {
  const { output, signal, replay: steps, from = 0 } = options;
  const { config: own, folder: from_ } = await loadConfig(path.join(folder, 'config.yaml'), {
    ...(options.device && { device: options.device }),
  });
  // A run of several processes has the same numbers in one; trackers and metrics change nothing of them.
  const config: RunConfig = { ...own, output, world: { name: 'single' }, metrics: [], trackers: [] };
  const trackers = [['progress', { stream: 'stderr' }]] as const;
  const locate = locateIn({ run: folder, ...(options.device && { device: options.device }) });
  const plugins = await loadPlugins(config, locate, { trackers, folder: from_ });
  const { verifier } = composeRun(config, plugins, signal);
  const told = metricsIn(folder);
  const replayed: { event: StepEvent; line: JsonLine | undefined }[] = [];
  const found = await verifier.verify(
    { folder, result },
    steps === undefined ? undefined : { steps, from },
    (event) => {
      replayed.push({ event, line: told.find(({ type, step }) => type === 'step' && step === event.step) });
    },
  );
  const ran = result.device ? `${result.device.name} (${result.device.description})` : '';
  const isSame = ran === found.device;
  const loaded = await loadedLogits(folder, options, found.sample);
  return [
    ...proofFindings(result, found, isSame),
    loadedFinding(found.proof.logits, loaded, config.adapter.method === 'full'),
    ...(steps === undefined ? [] : [replayFinding(replayed, from, isSame)]),
    ...(isSame
      ? []
      : [
          {
            check: 'device',
            passed: true,
            text: `${found.device}, the run's was ${ran}: numbers may differ by ${100 * TOLERANCE} %`,
          },
        ]),
  ];
}

/** What the model answers as `evolve generate --run` loads it. */
async function loadedLogits(
  run: string,
  { device, signal }: Place,
  sample: readonly EncodedExample[],
): Promise<SampleLogits> {
  const choice = { run, ...(device && { device }) };
  const config = await configOf(choice);
  const plugins = await loadPlugins(config, locateIn(choice), { trackers: [], folder: run });
  const { assembler } = composeAssembly(config, plugins, signal);
  await assembler.openDevice();
  const { model, dispose } = await assembler.assemble();
  try {
    return await sampleLogits(model, sample);
  } finally {
    dispose();
  }
}

function proofFindings(
  result: RunResult,
  { proof, baseLoss, savedLoss }: Verified,
  isSame: boolean,
): Finding[] {
  const own = result.proof as NonNullable<RunResult['proof']>;
  const { tensors, moved, gradNorm, faults } = proof;
  const heldOut = own.heldOut;
  const isExact = proof.saved.types.every((type) => type === 'f32');
  const ofRun = own.faults.filter((fault) => !faults.includes(fault));
  return [
    {
      check: 'tensors',
      passed: faults.length === 0 && own.passed,
      text: [
        `${moved} of ${tensors} moved`,
        ...faults,
        ...ofRun.map((fault) => `the run told: ${fault}`),
      ].join('; '),
    },
    {
      check: 'gradients',
      passed: gradNorm !== null,
      text: gradNorm
        ? `norms from ${figure(gradNorm.least)} to ${figure(gradNorm.most)}, as the run told`
        : 'none told',
    },
    ...(own.rowsSha256 === undefined ? [] : [rowsFinding(own.rowsSha256 === proof.rowsSha256)]),
    {
      check: 'logits',
      ...compared(isSame, own.logits.sha256 === proof.logits.sha256, own.logits, proof.logits),
    },
    ...(heldOut && baseLoss !== null && savedLoss !== null
      ? [
          { check: 'loss before training', ...same(heldOut.base, baseLoss, isSame) },
          // The run measured what it had in memory, before the type of the file rounded it.
          { check: 'loss of what was saved', ...same(heldOut.saved, savedLoss, isSame && isExact) },
          {
            check: 'held-out loss',
            passed: true,
            text: savedLoss < baseLoss ? "under the base model's" : "told as NOT under the base model's",
          },
        ]
      : []),
  ];
}

function rowsFinding(passed: boolean): Finding {
  const text = passed
    ? 'those that the run had'
    : 'they have other tokens than the run trained on: data, tokenizer or template changed';
  return { check: 'rows', passed, text };
}

function compared(
  isSame: boolean,
  isEqual: boolean,
  was: SampleLogits,
  is: SampleLogits,
): Omit<Finding, 'check'> {
  if (isEqual) return { passed: true, text: 'those that the run told, to the digit' };
  const apart = distance(was, is);
  const text = `those that the run told were others, by ${figure(apart)} at most`;
  return { passed: !isSame && apart <= LOGITS_TOLERANCE * largest(was), text };
}

function loadedFinding(saved: SampleLogits, loaded: SampleLogits, isWhole: boolean): Finding {
  const check = 'loaded as generate loads it';
  if (saved.sha256 === loaded.sha256) return { check, passed: true, text: 'the same logits, to the digit' };
  const apart = distance(saved, loaded);
  // Weights that are not trained may be computed in another order, and in the type in which they are stored.
  const passed = isWhole && apart <= LOGITS_TOLERANCE * largest(saved);
  return { check, passed, text: `logits that differ by ${figure(apart)} at most` };
}

function replayFinding(
  replayed: readonly { event: StepEvent; line: JsonLine | undefined }[],
  from: number,
  isSame: boolean,
): Finding {
  const known = replayed.filter(({ line }) => line !== undefined);
  const keys = ['loss', 'gradNorm', 'learningRate'] as const;
  const differing = known.filter(({ event, line }) =>
    keys.some((key) => !same(Number(line?.[key]), event[key], isSame).passed),
  );
  const [first] = differing;
  const how = isSame ? 'to the digit' : `within ${100 * TOLERANCE} %`;
  const begin = from === 0 ? 'the beginning' : `the checkpoint of step ${from}`;
  const told = `${known.length} of ${replayed.length} steps from ${begin} are in metrics.jsonl`;
  const text = first
    ? `step ${first.event.step}: ${keys.map((key) => `${key} ${first.event[key]}, was ${first.line?.[key]}`).join('; ')}`
    : `${told}; loss, gradient norm and learning rate are the same ${how}`;
  return { check: 'replay', passed: known.length > 0 && !first, text };
}

function same(was: number, is: number, isSame: boolean): Omit<Finding, 'check'> {
  const passed = isSame ? was === is : Math.abs(was - is) <= TOLERANCE * Math.abs(was);
  return {
    passed,
    text: was === is ? `${figure(is)}, to the digit` : `${figure(is)}, the run told ${figure(was)}`,
  };
}

function metricsIn(folder: string): JsonLine[] {
  const file = path.join(folder, 'metrics.jsonl');
  return existsSync(file) ? readJsonLines(readFileSync(file, 'utf8'), displayPath(file), []) : [];
}

function largest({ highest }: SampleLogits): number {
  return highest.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

function figure(value: number): string {
  return String(Number(value.toPrecision(6)));
}
